package main

import (
	"context"
	"fmt"
	"time"
)

type nowIn struct {
	Zone string `json:"zone,omitempty" jsonschema:"IANA name of the time zone" default:"UTC"`
}

type timeOut struct {
	Time    string `json:"time" jsonschema:"RFC 3339, with the zone's offset"`
	Zone    string `json:"zone" jsonschema:"the zone's abbreviation at that time"`
	Weekday string `json:"weekday"`
	Week    string `json:"week" jsonschema:"ISO 8601 week"`
	Day     int    `json:"dayOfYear"`
	Unix    int64  `json:"unix" jsonschema:"seconds since 1970-01-01 UTC"`
}

func describe(t time.Time) timeOut {
	year, week := t.ISOWeek()
	abbreviation, _ := t.Zone()
	return timeOut{
		Time: t.Format(time.RFC3339Nano), Zone: abbreviation, Weekday: t.Weekday().String(),
		Week: fmt.Sprintf("%04d-W%02d", year, week), Day: t.YearDay(), Unix: t.Unix(),
	}
}

type convertIn struct {
	Time string `json:"time" jsonschema:"the moment"`
	From string `json:"from,omitempty" jsonschema:"zone of a time without an offset" default:"UTC"`
	To   string `json:"to" jsonschema:"zone to convert to"`
}

func convert(_ context.Context, in convertIn) (timeOut, error) {
	from, err := loadZone(in.From)
	if err != nil {
		return timeOut{}, err
	}
	to, err := loadZone(in.To)
	if err != nil {
		return timeOut{}, err
	}
	t, err := parse("time", in.Time, from)
	if err != nil {
		return timeOut{}, err
	}
	return describe(t.In(to)), nil
}

type differenceIn struct {
	From string `json:"from" jsonschema:"the first moment"`
	To   string `json:"to" jsonschema:"the second moment"`
	Zone string `json:"zone,omitempty" jsonschema:"zone in which days are counted, and of times without an offset" default:"UTC"`
}

type differenceOut struct {
	Seconds  float64 `json:"seconds" jsonschema:"exact; negative when the second moment is the earlier one"`
	Earlier  bool    `json:"earlier" jsonschema:"whether the second moment is the earlier one"`
	Years    int     `json:"years"`
	Months   int     `json:"months"`
	Days     int     `json:"days"`
	Rest     string  `json:"rest" jsonschema:"what is left beyond whole days, as 1h2m3s"`
	Calendar int     `json:"calendarDays" jsonschema:"midnights in between"`
}

func difference(_ context.Context, in differenceIn) (differenceOut, error) {
	zone, err := loadZone(in.Zone)
	if err != nil {
		return differenceOut{}, err
	}
	a, err := parse("from", in.From, zone)
	if err != nil {
		return differenceOut{}, err
	}
	b, err := parse("to", in.To, zone)
	if err != nil {
		return differenceOut{}, err
	}
	a, b = a.In(zone), b.In(zone)
	// Not b.Sub(a), whose range is 292 years.
	out := differenceOut{Seconds: float64(b.Unix()-a.Unix()) + float64(b.Nanosecond()-a.Nanosecond())/1e9}
	if b.Before(a) {
		a, b, out.Earlier = b, a, true
	}
	months := wholeMonths(a, b)
	mark := addMonths(a, months)
	out.Years, out.Months = months/12, months%12
	out.Days = dayNumber(b) - dayNumber(mark)
	if mark.AddDate(0, 0, out.Days).After(b) {
		out.Days--
	}
	out.Rest = b.Sub(mark.AddDate(0, 0, out.Days)).String()
	out.Calendar = dayNumber(b) - dayNumber(a)
	return out, nil
}

// wholeMonths is how many months fit between a and b, a not after b.
func wholeMonths(a, b time.Time) int {
	n := (b.Year()-a.Year())*12 + int(b.Month()-a.Month())
	for n > 0 && addMonths(a, n).After(b) {
		n--
	}
	return n
}

// addMonths moves t by months; a day that the month does not have becomes its
// last one, as people expect: January 31 and a month is the end of February.
func addMonths(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return time.Date(first.Year(), first.Month(), min(t.Day(), last), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
}

// dayNumber counts days, whatever the length of each in its zone.
func dayNumber(t time.Time) int {
	return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

type addIn struct {
	Time    string `json:"time" jsonschema:"the moment to start from"`
	Zone    string `json:"zone,omitempty" jsonschema:"zone in which days are counted, and of a time without an offset" default:"UTC"`
	Years   int    `json:"years,omitempty" minimum:"-10000" maximum:"10000"`
	Months  int    `json:"months,omitempty" minimum:"-100000" maximum:"100000"`
	Days    int    `json:"days,omitempty" minimum:"-3000000" maximum:"3000000"`
	Hours   int    `json:"hours,omitempty" minimum:"-1000000" maximum:"1000000"`
	Minutes int    `json:"minutes,omitempty" minimum:"-100000000" maximum:"100000000"`
	Seconds int    `json:"seconds,omitempty" minimum:"-1000000000" maximum:"1000000000"`
}

func add(_ context.Context, in addIn) (timeOut, error) {
	zone, err := loadZone(in.Zone)
	if err != nil {
		return timeOut{}, err
	}
	t, err := parse("time", in.Time, zone)
	if err != nil {
		return timeOut{}, err
	}
	t = addMonths(t.In(zone), in.Years*12+in.Months).AddDate(0, 0, in.Days)
	t = t.Add(time.Duration(in.Hours)*time.Hour + time.Duration(in.Minutes)*time.Minute + time.Duration(in.Seconds)*time.Second)
	if y := t.Year(); y < 0 || y > 9999 {
		return timeOut{}, fmt.Errorf("the result is in the year %d: RFC 3339 ends with 9999", y)
	}
	return describe(t), nil
}
