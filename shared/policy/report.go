package policy

import (
	"slices"
	"time"

	"polis/shared/calendar"
)

// Noting is the card with the day since which the cabinet knows that data
// differ: that of the earlier copy, where the same data differed there, else
// today.
func (c Card) Noting(before Card, today calendar.Date) Card {
	c.DiffersSince = calendar.Date{}
	if len(c.Warnings) > 0 {
		c.DiffersSince = today
		if slices.Equal(before.Warnings, c.Warnings) && !before.DiffersSince.IsZero() {
			c.DiffersSince = before.DiffersSince
		}
	}
	return c
}

// ReportBy is the last day on which changed data are to be reported to the
// insurer, one month after the day since which they are known to differ (326-FZ,
// art. 16, part 2); the zero date where nothing differs. A month ends on the
// same day of the next, or on its last (Civil Code, art. 192).
func (c Card) ReportBy() calendar.Date {
	if c.DiffersSince.IsZero() {
		return calendar.Date{}
	}
	since := c.DiffersSince
	by := calendar.On(since.Year, since.Month+1, since.Day)
	if by.Day != since.Day {
		by = calendar.On(since.Year, since.Month+2, 0)
	}
	return by
}

// remindBefore is how many days before its last day the month is told of again.
const remindBefore = 7

// Reminder is the day on which the person is reminded to report what differs,
// while it still helps; false where nothing differs.
func (c Card) Reminder() (Dated, bool) {
	by := c.ReportBy()
	if by.IsZero() {
		return Dated{}, false
	}
	return Dated{Kind: ReportDue, On: by.AddDays(-remindBefore), Last: by}, true
}

// RemindAt is when that is to be told, by the clock of the region; the zero time
// where nothing differs, or where the moment has passed.
func (c Card) RemindAt(now time.Time) time.Time {
	d, differs := c.Reminder()
	at := d.TellAt(c.Insurance.Region)
	if !differs || !at.After(now) {
		return time.Time{}
	}
	return at
}
