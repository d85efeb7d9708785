package function_test

import (
	"strings"
	"testing"

	insuredregistry "polis/functions/insured-registry"
	"polis/shared/functiontest"
)

func TestTheDatesToComeAreACalendar(t *testing.T) {
	married := maria
	married.Person.Name.Family = "Орлова" // to be reported by 10 April
	b := bench(t, functiontest.Row(maria.Person), functiontest.Child(functiontest.Ilya, maria))
	token := b.Token(married.Claims())
	b.Call("GET", name, "/calendar.ics", token, nil).Expect(403, "consent_required")
	token = holding(b, married, "self")
	res := b.Call("GET", name, "/calendar.ics", token, nil).Expect(200, "")
	if res.Header.Get("Content-Type") != "text/calendar; charset=utf-8" {
		t.Errorf("as %s", res.Header.Get("Content-Type"))
	}
	text := strings.ReplaceAll(string(res.Body), "\r\n ", "")
	for _, want := range []string{
		"DTSTART;VALUE=DATE:20261001\r\nSUMMARY:Полис ОМС: Остался месяц\\, чтобы заменить страховую: не позднее 1 ноября\r\n",
		"DTSTART;VALUE=DATE:20260410\r\nSUMMARY:Полис ОМС: Последний день сообщить страховой об изменившихся данных\r\n",
		"DTSTAMP:20260310T060000Z\r\n", "DESCRIPTION:По данным регистра на 10.03.2026 09:00\r\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	for _, secret := range []string{"Соловьёва", "Орлова", "2656", string(maria.Person.SNILS)} {
		if strings.Contains(text, secret) {
			t.Errorf("it tells %s", secret)
		}
	}
	if again := b.Call("GET", name, "/calendar.ics", token, nil); string(again.Body) != string(res.Body) {
		t.Errorf("read again it is another: %s", again.Body)
	}
	id := child(b, token)
	b.Consent(token, id)
	b.Call("POST", "policy-request", "/", token, map[string]string{"kind": "lookup", "person": id}).Expect(202, "")
	b.Deliver(1)
	of := string(b.Call("GET", name, "/calendar.ics?person="+id, token, nil).Expect(200, "").Body)
	if !strings.Contains(of, "20330902") || !strings.Contains(of, "20370902") || !strings.Contains(of, "Полис ребёнка") {
		t.Errorf("%s", of)
	}
	b.Put(insuredregistry.Name, nil)
	b.Call("GET", name, "/calendar.ics", token, nil).Expect(503, "insured_registry_unavailable")
}
