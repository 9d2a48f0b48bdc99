package cel

import "time"

var testTime = time.Date(2026, 11, 23, 12, 30, 15, 0, time.UTC)

func now() time.Time { return time.Now() }
