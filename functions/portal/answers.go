package function

import (
	"time"

	"polis/shared/access"
	"polis/shared/application"
	"polis/shared/calendar"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/person"
	"polis/shared/policy"
)

// What the functions answer, as far as it is shown. The shapes are those of the
// public face (openapi.yaml).

type consentAnswer struct {
	Operator consent.Operator
	Name     string `json:"operator_name"`
	Person   string
	Status   consent.Status
	Since    time.Time
	From     time.Time // while it may not be given again
	Receipt  string
	Reason   string
}

type consentList struct{ Items, History []consentAnswer }

type receiptAnswer struct {
	Consent consentAnswer
	Version string `json:"terms_version"`
	Subject string
	Purpose string
	Data    string
	Actions string
	Term    string

	Withdrawal string
}

type applicationAnswer struct {
	ID, Number string
	Kind       application.Kind
	Person     string
	Region     string
	SMO        string
	ENP        person.ENP
	Validity   string
	From       calendar.Date
	Category   policy.Category
	Ends       calendar.Date
	Child      *person.Name
	Status     application.Status
	Text       string
	Submitted  time.Time
	Due        time.Time
	Overdue    bool
	NextTry    time.Time `json:"next_try"`
	Reasons    []struct{ Field, Code, Detail string }
	Results    map[string]application.Result
	Help       *struct {
		Fund     *directory.Fund
		Insurers []directory.Insurer
		Offer    application.Kind
	}
	Timeline []struct {
		At     time.Time
		Status application.Status
		Detail string
	}
}

// Ended reports whether nobody moves any more.
func (a applicationAnswer) Ended() bool {
	return a.Status == application.Granted || a.Status == application.Refused
}

// Asked reports whether a reviewer waits for the applicant: these kinds are
// reviewed, the others wait for data that differ and are tried again.
func (a applicationAnswer) Asked() bool {
	return (a.Kind == application.Restore || a.Kind == application.Register) && a.Status == application.NeedsPerson
}

type applicationList struct {
	Items []applicationAnswer
	Next  string
}

type cardAnswer struct {
	Person  string
	ENP     person.ENP
	Grouped string `json:"enp_grouped"`
	Name    person.Name
	Sex     person.Sex
	Birth   calendar.Date `json:"birth_date"`
	Status  policy.Shown
	Text    string
	Ground  string // of its end
	Region  string
	Coming  *struct {
		Status     policy.Shown
		Text       string
		MayCallOff bool `json:"may_call_off"`
	}
	ValidFrom  calendar.Date `json:"valid_from"`
	ValidUntil calendar.Date `json:"valid_until"`
	Validity   string
	Covering   *struct {
		directory.Contact
		Until calendar.Date
	} `json:"covering_insurer"`
	RegionName string `json:"region_name"`
	Insurer    struct {
		directory.Contact
		Since calendar.Date
	}
	Clinic   *policy.Clinic
	Warnings []string
	ReportBy calendar.Date `json:"report_by"`
	DaysLeft int           `json:"report_days_left"`
	AsOf     time.Time     `json:"as_of"`

	ClinicAsked bool `json:"clinic_asked"`
}

// Over reports whether nothing holds of the policy any more.
func (c cardAnswer) Over() bool {
	return c.Status == policy.ShownInvalid || c.Status == policy.ShownExpired
}

// Final reports whether it has ended in a way that no application undoes: only
// the fund can say whether that is a mistake.
func (c cardAnswer) Final() bool { return policy.Final(c.Ground) }

// Fund of the region in which the person is insured; nil where there is none.
func (c cardAnswer) Fund() *directory.Fund {
	if fund, ok := directory.FundOf(c.Region); ok {
		return &fund
	}
	return nil
}

type relative struct {
	Person string
	Name   person.Name
	Birth  calendar.Date `json:"birth_date"`
}

type documentAnswer struct {
	ID, Number, Person string
	Bytes              int
	Created            time.Time
}

type noticeAnswer struct {
	ID, Kind, Application, Number string
	At                            time.Time
	Text                          string
	Deliveries                    []struct {
		Channel, State, Reason string
		At                     time.Time
	}
}

type accessAnswer struct {
	At        time.Time
	Action    access.Action
	Text, Who string
	By        string // self, service, other
	CallID    string `json:"call_id"`
}
