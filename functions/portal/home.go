package function

import (
	"cmp"

	"polis/shared/access"
	"polis/shared/consent"
	"polis/shared/directory"
	"polis/shared/fault"
	"polis/shared/web"
)

var homeTitle = fault.Text{RU: "Мой полис", EN: "My policy"}

// home shows what needs the visitor now, first.
func (p *portal) home(v *visit) (web.Answer, error) {
	switch {
	case v.Who == nil:
		return v.show("welcome", fault.Text{RU: "Цифровой полис", EN: "Digital policy"}, nil)
	case decides(v.Who.Role):
		return v.to("/desk")
	case v.Who.Role != access.Citizen:
		return v.show("staff", fault.Text{RU: "Страницы для граждан", EN: "Pages for citizens"}, nil)
	case !v.Who.Confirmed:
		return v.to("/confirm")
	}
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	if o.Incomplete == nil { // else it is the register that is silent
		v.unchosen(o)
	}
	return v.show("home", homeTitle, o)
}

// me shows what the login says of the visitor.
func (p *portal) me(v *visit) (web.Answer, error) {
	if v.Who == nil {
		return v.toLogin()
	}
	organisation, err := v.organisation()
	if err != nil {
		return web.Answer{}, err
	}
	return v.show("me", fault.Text{RU: "Кто вошёл", EN: "Who is logged in"}, organisation)
}

// organisation is whose employee the visitor is, as far as it has a name; the
// login tells its code alone.
func (v *visit) organisation() (string, error) {
	switch v.Who.Role {
	case access.Fund:
		return v.Text(fault.Text{RU: "территориальный фонд ОМС", EN: "the regional fund"}), nil
	case access.Staff:
		known, err := v.sessions.Directory(v)
		insurer, _ := known.FindInsurer(v.Who.Unit)
		return cmp.Or(insurer.Name, v.Who.Unit), err
	}
	return v.Who.Unit, nil
}

func (p *portal) howToConfirm(v *visit) (web.Answer, error) {
	var fund any
	if of, ok := directory.FundOf(v.region); ok {
		fund = of
	}
	return v.show("confirm", fault.Text{RU: "Подтвердите учётную запись", EN: "Confirm your account"}, fund)
}

func (p *portal) offline(v *visit) (web.Answer, error) {
	return v.show("offline", fault.Text{RU: "Нет связи", EN: "No connection"}, nil)
}

// cardPage is a member's policy, large.
type cardPage struct {
	member
	Offices bool // its insurer has some to tell of
}

// card shows one person's policy, large.
func (p *portal) card(v *visit) (web.Answer, error) {
	o, err := v.family()
	if err != nil {
		return web.Answer{}, err
	}
	who := v.Query.Get("person")
	if who == "" {
		who = consent.Self
	}
	for _, m := range o.present() {
		if m.Person == who && m.Card != nil {
			known, err := v.sessions.Directory(v)
			if err != nil {
				return web.Answer{}, err
			}
			insurer, _ := known.FindInsurer(m.Card.Insurer.SMO)
			return v.show("card", fault.Text{RU: "Полис ОМС", EN: "OMS policy"}, cardPage{m, !m.Card.Over() && v.inForce(insurer)})
		}
		if m.Person == who {
			return v.to("/#" + who) // what hinders it stands there
		}
	}
	if o.Incomplete != nil {
		return web.Answer{}, o.Incomplete
	}
	return web.Answer{}, errNobody
}

var errNobody = fault.New(fault.NotFound, "person_not_found",
	"Это не вы и не ваш ребёнок до 18 лет.",
	"This person is neither you nor a child of yours under 18.")
