package consent

import (
	"slices"

	"polis/shared/fault"
)

// edition of the wording. What people have agreed to is never written anew: a
// change of a word is another edition, at the end of the list.
type edition struct {
	version string
	wording func(Operator) Wording
}

var editions = []edition{{"2026-01", wording202601}}

// Terms is the wording of the consent to that operator, as it is given now.
func Terms(op Operator) Wording { return editions[len(editions)-1].wording(op) }

// TermsVersion of that wording.
func TermsVersion() string { return editions[len(editions)-1].version }

// Wording is what exactly was agreed to, with its version. Consents of before
// versions were kept are of the first one.
func (c Consent) Wording() (Wording, string) {
	at := max(0, slices.IndexFunc(editions, func(e edition) bool { return e.version == c.Terms }))
	return editions[at].wording(c.Operator), editions[at].version
}

// Wording is what a consent must say (152-FZ, art. 9, part 4): operator,
// purpose, data, actions, term and the way to withdraw.
type Wording struct {
	Name       fault.Text
	Purpose    fault.Text
	Data       fault.Text
	Actions    fault.Text
	Term       fault.Text
	Withdrawal fault.Text
}

func wording202601(op Operator) Wording {
	w := Wording{
		Data: fault.Text{
			RU: "фамилия, имя, отчество, дата рождения, пол, СНИЛС, документ, удостоверяющий личность, номер полиса, страховая медицинская организация, прикрепление к медицинской организации, оказанные медицинские услуги",
			EN: "name, birth date, sex, SNILS, identity document, policy number, insurer, clinic, medical services rendered",
		},
		Actions: fault.Text{
			RU: "сбор, запись, систематизация, хранение, уточнение, использование, передача, блокирование, удаление и уничтожение",
			EN: "collection, recording, ordering, storage, correction, use, transfer, blocking, erasure and destruction",
		},
		Term: fault.Text{
			RU: "до отзыва согласия",
			EN: "until the consent is revoked",
		},
		Withdrawal: fault.Text{
			RU: "в личном кабинете, в разделе «Согласия»; данные в кабинете блокируются сразу и удаляются, полис продолжает действовать",
			EN: "in the cabinet, under “Consents”; the cabinet's data are blocked at once and erased, the policy stays valid",
		},
	}
	switch op {
	case FFOMS:
		w.Name = fault.Text{RU: "Федеральный фонд ОМС", EN: "Federal compulsory medical insurance fund"}
		w.Purpose = fault.Text{
			RU: "передача сведений из единого регистра застрахованных лиц в личный кабинет",
			EN: "transfer of data from the unified register of insured persons to the cabinet",
		}
	case Mincifry:
		w.Name = fault.Text{RU: "Минцифры России", EN: "Ministry of digital development of Russia"}
		w.Purpose = fault.Text{
			RU: "получение, хранение и показ сведений о полисе ОМС в личном кабинете",
			EN: "receiving, keeping and showing the policy's data in the cabinet",
		}
	}
	return w
}
