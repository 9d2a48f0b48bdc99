package cel

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
	"time"
	_ "time/tzdata" // zones must mean the same on a host without the tz database
)

// timeOfDay returns the time since midnight that a clock on the wall of the zone
// shows. On a day on which clocks are changed it is not the time that has passed
// since.
func timeOfDay(t time.Time, zone *time.Location) time.Duration {
	t = t.In(zone)
	hour, minute, second := t.Clock()
	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
}

var (
	offsetPattern = regexp.MustCompile(`^([+-])([01][0-9]|2[0-3]):([0-5][0-9])$`)
	// zoneName is the form of the names in the database: no dot, so that no name leaves it,
	// and no empty part, so that none has a second name.
	zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}$`)
	zones    = zoneCache{known: map[string]*time.Location{}}
)

const (
	longestZone = 64
	// zonesKept is more than the database has. A file system that takes a letter's other case
	// for the same has more names.
	zonesKept = 1_000
)

// zoneCache has zones of the database that were asked for, by name. Reading one takes longer
// than most rules. What is not in the database is not kept, because callers can make up names.
type zoneCache struct {
	mu    sync.RWMutex
	known map[string]*time.Location
}

func (c *zoneCache) load(name string) (*time.Location, error) {
	c.mu.RLock()
	zone, ok := c.known[name]
	c.mu.RUnlock()
	if ok {
		return zone, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) < zonesKept {
		c.known[name] = zone
	}
	return zone, nil
}

// loadZone returns the zone of a name of the tz database, or of an offset such as
// "+01:00". The host's own zone has no name here, because a policy must mean the same
// on every host.
func loadZone(name string) (*time.Location, error) {
	if m := offsetPattern.FindStringSubmatch(name); m != nil {
		return offsetZone(m[1], m[2], m[3]), nil
	}
	if len(name) > longestZone || name == "Local" || !zoneName.MatchString(name) {
		return nil, unknownZone(name)
	}
	zone, err := zones.load(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	return zone, nil
}

// offsetZone returns the zone of an offset whose parts are digits in their ranges.
func offsetZone(sign, hours, minutes string) *time.Location {
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	seconds := h*3600 + m*60
	if sign == "-" {
		seconds = -seconds
	}
	return time.FixedZone("", seconds)
}

func unknownZone(name string) error {
	return fmt.Errorf(`%s is no time zone: it is a name such as "Europe/Berlin", "UTC", or an offset such as "+01:00"`, quoted(name))
}

func checkZone(name string) error {
	_, err := loadZone(name)
	return err
}
