// Clock computes with dates and time zones. It needs no authority: the zones are
// inside the module, because a sandbox has no files (450 KB that the tools would
// be of little use without).
package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

func init() {
	pdk.Serve(newServer(time.Now))
}

func main() {}

// newServer returns the server, with a clock that a test can set.
func newServer(now func() time.Time) *pdk.Server {
	s := pdk.New("clock", "1.0.0")
	s.Title = "Clock"
	s.Instructions = "Times are RFC 3339 (2026-11-22T15:04:05+01:00), local times without an offset, or dates (2026-11-22). Zones are IANA names such as Europe/Berlin."
	addTool(s, "now", "The current time in a time zone.", false, func(_ context.Context, in nowIn) (timeOut, error) {
		zone, err := loadZone(in.Zone)
		if err != nil {
			return timeOut{}, err
		}
		return describe(now().In(zone)), nil
	})
	addTool(s, "convert", "The same moment in another time zone.", true, convert)
	addTool(s, "difference", "The time from one moment to another, exactly and in calendar units.", true, difference)
	addTool(s, "add", "A moment moved by calendar units and by hours, minutes and seconds.", true, add)
	s.AddPrompt(pdk.Prompt{Name: "meeting", Description: "Finds a time to meet for people in two time zones.", Arguments: []pdk.PromptArgument{
		{Name: "mine", Description: "your zone", Required: true, Complete: pdk.Choices(zones...)},
		{Name: "theirs", Description: "their zone", Required: true, Complete: pdk.Choices(zones...)},
	}}, meeting)
	return s
}

// zones are suggested; all zones of the IANA database are understood.
var zones = []string{
	"Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Chicago", "America/Denver", "America/Los_Angeles",
	"America/Mexico_City", "America/New_York", "America/Sao_Paulo", "America/Toronto", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta",
	"Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Sydney",
	"Europe/Berlin", "Europe/Istanbul", "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Paris", "Pacific/Auckland", "UTC",
}

func meeting(_ context.Context, a map[string]string) (*pdk.PromptResult, error) {
	for _, name := range []string{a["mine"], a["theirs"]} {
		if _, err := loadZone(name); err != nil {
			return nil, pdk.Errorf(pdk.CodeInvalidParams, "%v", err)
		}
	}
	return &pdk.PromptResult{Messages: []pdk.PromptMessage{pdk.User(pdk.Text(fmt.Sprintf(
		"I am in %s, the others are in %s. Use the tools now and convert to propose three times this week, between 9:00 and 18:00 for all of us.",
		a["mine"], a["theirs"])))}}, nil
}

// addTool adds a tool; same says whether it gives the same answer each time.
func addTool[In, Out any](s *pdk.Server, name, description string, same bool, h func(context.Context, In) (Out, error)) {
	a := pdk.ReadOnly()
	a.Idempotent = &same
	pdk.AddTypedTool(s, pdk.Tool{Name: name, Description: description, Annotations: a}, h)
}

// layouts are how a time may be written.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// parse reads a time; zone is where one without an offset is local.
func parse(name, value string, zone *time.Location) (time.Time, error) {
	for _, l := range layouts {
		if t, err := time.ParseInLocation(l, strings.TrimSpace(value), zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time; write it as 2026-11-22T15:04:05+01:00, 2026-11-22T15:04 or 2026-11-22", name, value)
}

// loadZone returns a zone by its name; "" is UTC. "Local" is refused: a sandbox
// is nowhere.
func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err == nil && name != "Local" {
		return zone, nil
	}
	if i := slices.IndexFunc(zones, func(z string) bool { return name != "" && strings.Contains(strings.ToLower(z), strings.ToLower(name)) }); i >= 0 {
		return nil, fmt.Errorf("zone: %q is unknown; did you mean %s?", name, zones[i])
	}
	return nil, fmt.Errorf("zone: %q is unknown; use an IANA name such as Europe/Berlin", name)
}
