package main

import (
	"testing"
	"time"

	"github.com/mcpwasm/mcpwasm/plugins/pdk/pdktest"
)

func TestTools(t *testing.T) {
	type args map[string]any
	s := newServer(func() time.Time { return time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC) })
	tests := []struct {
		name, tool string
		in         args
		want       string
	}{
		{"now", "now", args{}, `{"time":"2026-03-29T00:30:00Z","zone":"UTC","weekday":"Sunday","week":"2026-W13","dayOfYear":88,"unix":1774744200}`},
		{"now elsewhere", "now", args{"zone": "Asia/Tokyo"}, `{"time":"2026-03-29T09:30:00+09:00","zone":"JST","weekday":"Sunday","week":"2026-W13","dayOfYear":88,"unix":1774744200}`},
		{"unknown zone", "now", args{"zone": "berlin"}, `zone: "berlin" is unknown; did you mean Europe/Berlin?`},
		{"no place", "now", args{"zone": "Local"}, `zone: "Local" is unknown; use an IANA name such as Europe/Berlin`},
		{"path", "now", args{"zone": "../etc/passwd"}, `zone: "../etc/passwd" is unknown; use an IANA name such as Europe/Berlin`},
		{"convert", "convert", args{"time": "2026-07-01 12:00", "from": "America/New_York", "to": "Europe/Berlin"}, `{"time":"2026-07-01T18:00:00+02:00","zone":"CEST","weekday":"Wednesday","week":"2026-W27","dayOfYear":182,"unix":1782921600}`},
		{"bad time", "convert", args{"time": "noon", "to": "UTC"}, `time: "noon" is no time; write it as 2026-11-22T15:04:05+01:00, 2026-11-22T15:04 or 2026-11-22`},
		{"difference", "difference", args{"from": "2024-02-29", "to": "2026-03-01T01:00"}, `{"seconds":63162000,"earlier":false,"years":2,"months":0,"days":1,"rest":"1h0m0s","calendarDays":731}`},
		{"difference backwards", "difference", args{"from": "2026-01-02", "to": "2026-01-01"}, `{"seconds":-86400,"earlier":true,"years":0,"months":0,"days":1,"rest":"0s","calendarDays":1}`},
		{"difference over a short day", "difference", args{"from": "2026-03-28", "to": "2026-03-30", "zone": "Europe/Berlin"}, `{"seconds":169200,"earlier":false,"years":0,"months":0,"days":2,"rest":"0s","calendarDays":2}`},
		{"difference of centuries", "difference", args{"from": "1000-01-01", "to": "2000-01-01"}, `{"seconds":31556908800,"earlier":false,"years":1000,"months":0,"days":0,"rest":"0s","calendarDays":365242}`},
		{"end of a month", "add", args{"time": "2026-01-31", "months": 1}, `{"time":"2026-02-28T00:00:00Z","zone":"UTC","weekday":"Saturday","week":"2026-W09","dayOfYear":59,"unix":1772236800}`},
		{"a day and a zone", "add", args{"time": "2026-03-28T12:00", "zone": "Europe/Berlin", "days": 1}, `{"time":"2026-03-29T12:00:00+02:00","zone":"CEST","weekday":"Sunday","week":"2026-W13","dayOfYear":88,"unix":1774778400}`},
		{"24 hours and a zone", "add", args{"time": "2026-03-28T12:00", "zone": "Europe/Berlin", "hours": 24}, `{"time":"2026-03-29T13:00:00+02:00","zone":"CEST","weekday":"Sunday","week":"2026-W13","dayOfYear":88,"unix":1774782000}`},
		{"beyond", "add", args{"time": "9999-12-31", "days": 1}, `the result is in the year 10000: RFC 3339 ends with 9999`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (pdktest.Client{Server: s}).CallTool(t, tt.tool, tt.in).Text(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
