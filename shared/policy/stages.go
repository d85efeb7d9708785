package policy

import (
	"fmt"
	"strconv"
	"strings"

	"polis/shared/calendar"
)

// Stages is a number of the law that changes with the day: the sources disagree
// on some, so it is a setting. It is written "3,2025-11-28=5": the number at
// first, and each later one with its first day.
type Stages []Stage

// Stage is one number and the first day of it.
type Stage struct {
	From   calendar.Date
	Number int
}

// ParseStages reads the setting. Days must follow each other.
func ParseStages(text string) (Stages, error) {
	var s Stages
	for n, part := range strings.Split(text, ",") {
		var stage Stage
		from, number, dated := strings.Cut(strings.TrimSpace(part), "=")
		if !dated {
			from, number = "", from
		}
		var err error
		if dated {
			stage.From, err = calendar.ParseDate(from)
		}
		if err == nil {
			stage.Number, err = strconv.Atoi(number)
		}
		if err != nil || stage.Number < 0 || dated != (n > 0) || n > 1 && !s[n-1].From.Before(stage.From) {
			return nil, fmt.Errorf("%q is not a number and later ones like 2025-11-28=5", text)
		}
		s = append(s, stage)
	}
	return s, nil
}

// On is the number of a day.
func (s Stages) On(day calendar.Date) int {
	number := 0
	for _, stage := range s {
		if !stage.From.After(day) {
			number = stage.Number
		}
	}
	return number
}

// DefaultContributions are the years for which contributions must have been paid
// for a temporarily staying worker: raised by a law of 28 November 2025.
const DefaultContributions = "3,2025-11-28=5"
