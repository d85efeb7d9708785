package policy

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"polis/shared/calendar"
	"polis/shared/directory"
	"polis/shared/fault"
)

// PastKind is what happened to a record.
type PastKind string

const (
	PutOnRecord     PastKind = "put_on_record"
	InsurerSet      PastKind = "insurer"           // chosen, or assigned by the fund
	InsurerPutRight PastKind = "insurer_corrected" // recorded instead of one that was wrong
	ValiditySet     PastKind = "validity"          // a foreigner's: prolonged, or ended before its time
	WasSuspended    PastKind = "suspended"
	WasResumed      PastKind = "resumed"
	WasEnded        PastKind = "ended"
	WasRestored     PastKind = "restored"
	Renamed         PastKind = "renamed" // the name or the document
)

// ByRepresentative is the source of what one of a child's representatives
// applied for, whichever of them.
const ByRepresentative = "representative"

// PastKinds are all of them.
var PastKinds = []PastKind{PutOnRecord, InsurerSet, InsurerPutRight, ValiditySet, WasSuspended, WasResumed, WasEnded, WasRestored, Renamed}

// Past is one entry of a record's history.
type Past struct {
	Kind     PastKind      `json:"kind"`
	On       calendar.Date `json:"on"` // the first day of it, which may be still to come
	Recorded time.Time     `json:"recorded"`
	Source   string        `json:"source"`
	SMO      string        `json:"smo,omitempty"`
	Region   string        `json:"region,omitempty"`
	Reason   Reason        `json:"reason,omitempty"`
	Ground   string        `json:"ground,omitempty"`
	Until    calendar.Date `json:"until,omitzero"`  // of a validity
	Undone   time.Time     `json:"undone,omitzero"` // when it was found wrong, or called off
}

// History of a record, the latest day first. For what service a policy was
// suspended only the person themself is told. Which of the representatives
// chose, or where the family lives, is no business of the other one, and nobody
// is told.
func (i Insured) History(toThemself bool) []Past {
	all := []Past{i.began()}
	instead := map[string]bool{}
	for _, in := range i.Insurances {
		instead[in.CorrectedBy] = in.CorrectedBy != ""
	}
	for n, in := range i.Insurances {
		if n == 0 && in.Cause == i.Cause {
			continue // it came with the record
		}
		p := Past{Kind: InsurerSet, On: in.Since, Recorded: in.Recorded, Source: ByFund, SMO: in.SMO, Region: in.Region, Reason: in.Reason, Undone: in.Corrected}
		switch {
		case instead[in.Cause]:
			p.Kind = InsurerPutRight
		case in.Reason != "", i.appliedBy(in.Cause):
			p.Source = i.themself(in.Recorded)
		}
		all = append(all, p)
	}
	for n, r := range i.Rights {
		if n == 0 && r.Cause == i.Cause {
			continue
		}
		p := Past{Kind: ValiditySet, On: r.ValidFrom, Recorded: r.Recorded, Source: i.themself(r.Recorded), Until: r.ValidUntil, Ground: r.Ground}
		if r.Ground != "" {
			p.On, p.Source = r.ValidUntil, ByEmployer
		}
		if r.Source != "" {
			p.Source = r.Source
		}
		all = append(all, p)
	}
	for _, c := range i.Changes {
		if c.Turn == Resume && (!c.Cancelled.IsZero() || i.Changes.On(c.Since).State == Invalid || i.Expired(c.Since)) {
			continue // the end of what was called off, or of a service while the policy was ended or its term over
		}
		p := Past{Kind: turns[c.Turn], On: c.Since, Recorded: c.Recorded, Source: c.Source, Ground: c.Ground, Undone: c.Cancelled}
		if c.Source == ByPerson {
			p.Source = i.themself(c.Recorded)
		}
		if c.Turn == Suspend && !toThemself {
			p.Ground = ""
		}
		all = append(all, p)
	}
	for _, n := range i.Names {
		all = append(all, Past{Kind: Renamed, On: i.Today(n.Recorded), Recorded: n.Recorded, Source: n.Source})
	}
	slices.SortStableFunc(all, func(a, b Past) int {
		return cmp.Or(b.On.Compare(a.On), b.Recorded.Compare(a.Recorded))
	})
	return all
}

var turns = map[Turn]PastKind{Suspend: WasSuspended, Resume: WasResumed, End: WasEnded, Restore: WasRestored}

// began is how the record came to be.
func (i Insured) began() Past {
	p := Past{Kind: PutOnRecord, On: i.ValidFrom, Recorded: i.RecordedAt, Source: ByImport}
	switch {
	case i.Reported():
		p.Source = ByZAGS
	case i.Territory != "":
		p.Source = i.themself(i.RecordedAt)
	}
	if len(i.Insurances) > 0 && i.Insurances[0].Cause == i.Cause {
		in := i.Insurances[0]
		p.On, p.SMO, p.Region = in.Since, in.SMO, in.Region
	}
	return p
}

// appliedBy reports whether the cause is an application for the policy under
// another right: an insurer that came with it was chosen in it.
func (i Insured) appliedBy(cause string) bool {
	return slices.ContainsFunc(i.Rights, func(r Right) bool { return r.Cause == cause && r.Source == "" })
}

// themself is who applied for the person at a moment.
func (i Insured) themself(at time.Time) string {
	if i.Person.Birth.Age(i.Today(at)) < adult {
		return ByRepresentative
	}
	return ByPerson
}

// Text is what happened, in words.
func (p Past) Text(insurers directory.Directory) fault.Text {
	day := p.On.Russian()
	name := func() fault.Text {
		if of, ok := insurers.FindInsurer(p.SMO); ok {
			return fault.Text{RU: "«" + of.Name + "»", EN: of.Name}
		}
		if p.SMO != "" {
			return fault.Text{RU: "компания с кодом " + p.SMO, EN: "the company with code " + p.SMO}
		}
		return fault.Text{RU: "территориальный фонд ОМС", EN: "the regional fund"}
	}()
	switch p.Kind {
	case PutOnRecord:
		return fault.Text{RU: "Запись в регистре с " + day + ". Страхует " + name.RU, EN: fmt.Sprintf("On record since %s. Insured by %s", p.On, name.EN)}
	case InsurerSet:
		return fault.Text{RU: "С " + day + " страхует " + name.RU, EN: fmt.Sprintf("Insured by %s since %s", name.EN, p.On)}
	case InsurerPutRight:
		return fault.Text{RU: "Исправлено: с " + day + " страхует " + name.RU, EN: fmt.Sprintf("Corrected: insured by %s since %s", name.EN, p.On)}
	case ValiditySet:
		if p.Until.IsZero() {
			return fault.Text{RU: "Полис стал бессрочным", EN: "The policy has no term any more"}
		}
		if p.Ground != "" {
			return fault.Text{RU: "Полис действует только до " + p.Until.Russian(), EN: fmt.Sprintf("The policy is valid only until %s", p.Until)}
		}
		return fault.Text{RU: "Полис действует до " + p.Until.Russian(), EN: fmt.Sprintf("The policy is valid until %s", p.Until)}
	case WasSuspended:
		return fault.Text{RU: "Полис приостановлен с " + day, EN: fmt.Sprintf("The policy is suspended since %s", p.On)}
	case WasResumed:
		return fault.Text{RU: "Полис возобновлён с " + day, EN: fmt.Sprintf("The policy is resumed since %s", p.On)}
	case WasEnded:
		return fault.Text{RU: "Полис аннулирован с " + day, EN: fmt.Sprintf("The policy is invalid since %s", p.On)}
	case WasRestored:
		return fault.Text{RU: "Полис восстановлен с " + day, EN: fmt.Sprintf("The policy is restored since %s", p.On)}
	case Renamed:
		return fault.Text{RU: "Имя или документ изменены " + day, EN: fmt.Sprintf("The name or the document was changed on %s", p.On)}
	}
	return fault.Text{RU: "Запись изменена", EN: "The record was changed"}
}

// Why it happened, in words; empty where nothing but the fact is known.
func (p Past) Why() fault.Text {
	switch {
	case p.Reason == First:
		return fault.Text{RU: "Первый выбор страховой", EN: "First choice of an insurer"}
	case p.Reason == ByRight:
		return fault.Text{RU: "Замена по праву раз в год", EN: "Replaced by right, once a year"}
	case p.Reason == Moved:
		return fault.Text{RU: "Переезд в другой регион", EN: "Moved to another region"}
	case p.Reason == ContractEnded:
		return fault.Text{RU: "У прежней страховой закончился договор с фондом", EN: "The former insurer's contract with the fund ended"}
	case p.Ground == "":
		return fault.Text{}
	case p.Kind == WasSuspended:
		return SuspensionText(p.Ground)
	case p.Kind == WasRestored:
		return fault.Text{RU: "Причина: приобретено гражданство", EN: "Reason: citizenship was gained"}
	case p.Kind == WasEnded, p.Kind == ValiditySet:
		why := EndText(p.Ground)
		return fault.Text{RU: "Причина: " + why.RU, EN: "Reason: " + why.EN}
	}
	return fault.Text{}
}

// Who made it happen, in words.
func (p Past) Who() fault.Text {
	switch p.Source {
	case ByPerson:
		return fault.Text{RU: "по заявлению застрахованного", EN: "on the insured person's application"}
	case ByRepresentative:
		return fault.Text{RU: "по заявлению законного представителя", EN: "on a legal representative's application"}
	case ByCommissariat:
		return fault.Text{RU: "по данным военного комиссариата", EN: "by the military commissariat's data"}
	case ByZAGS:
		return fault.Text{RU: "по данным ЗАГС", EN: "by the civil registry's data"}
	case ByEmployer:
		return fault.Text{RU: "по данным работодателя", EN: "by the employer's data"}
	case ByInterior:
		return fault.Text{RU: "по данным МВД", EN: "by the Interior Ministry's data"}
	case ByImport:
		return fault.Text{RU: "перенесено из прежней базы", EN: "taken over from an earlier database"}
	}
	return fault.Text{RU: "территориальный фонд ОМС", EN: "the regional fund"}
}

// SuspensionText is the ground of a suspension in words.
func SuspensionText(ground string) fault.Text {
	switch ground {
	case "conscription":
		return fault.Text{RU: "Военная служба по призыву", EN: "Military service by conscription"}
	case "contract_service":
		return fault.Text{RU: "Военная служба по контракту", EN: "Military service under contract"}
	case "mobilisation":
		return fault.Text{RU: "Мобилизация", EN: "Mobilisation"}
	case "equivalent_service":
		return fault.Text{RU: "Служба, приравненная к военной", EN: "Service equivalent to military service"}
	}
	return fault.Text{RU: "Служба", EN: "Service"}
}
