package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"polis/shared/fault"
)

func TestAReceiptShowsTheWordingThatWasAgreedTo(t *testing.T) {
	l := grant(t, Ledger{}, FFOMS, Self, noon)
	before := Terms(FFOMS)

	was := editions
	t.Cleanup(func() { editions = was })
	editions = append(was[:len(was):len(was)], edition{"2099-12", func(Operator) Wording {
		return Wording{Purpose: fault.Text{RU: "другое", EN: "another"}}
	}})
	l = grant(t, l, Mincifry, Self, noon)
	l = revoke(t, l, FFOMS, Self, noon.Add(time.Hour))
	l = grant(t, l, FFOMS, Self, noon.Add(2*time.Hour))
	for i, want := range []struct{ version, purpose string }{
		{was[len(was)-1].version, before.Purpose.RU}, {"2099-12", "другое"},
		{was[len(was)-1].version, before.Purpose.RU}, // what was withdrawn
		{"2099-12", "другое"},
	} {
		if got, version := l.History[i].Wording(); version != want.version || got.Purpose.RU != want.purpose {
			t.Errorf("entry %d: %s, %q", i, version, got.Purpose.RU)
		}
	}
	if got, version := (Consent{Operator: FFOMS}).Wording(); version != was[0].version || got.Purpose.RU == "другое" {
		t.Errorf("of before versions were kept: %s, %q", version, got.Purpose.RU)
	}
}

func TestAnEditionIsNeverWrittenAnew(t *testing.T) {
	published := map[string]string{
		"2026-01": "da12be10f648f3d0",
	}
	for _, e := range editions {
		text, err := json.Marshal([]Wording{e.wording(FFOMS), e.wording(Mincifry)})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		if got := hex.EncodeToString(sum[:8]); got != published[e.version] {
			t.Errorf("edition %s is %s and was published as %q: add another one instead", e.version, got, published[e.version])
		}
	}
}
