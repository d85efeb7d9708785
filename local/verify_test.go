package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polis/shared/audit"
)

func TestAnExportIsVerifiedByThePublicKeyAlone(t *testing.T) {
	key := audit.NewKey([32]byte{1})
	public := base64.StdEncoding.EncodeToString(key.Public())
	now := time.UnixMilli(1_770_000_000_000)
	entries := []audit.Entry{
		{Partition: "p003", ID: "1770000000000-0", At: now, Action: "card.read", Role: "citizen", Actor: "a003", Subject: "a003", Call: "call-1"},
		{Partition: "p003", ID: "1770000000000-1", At: now, Action: "card.read", Role: "citizen", Actor: "a003", Subject: "a003", Call: "call-2"},
	}
	batch, err := audit.Seal(audit.Head{}, entries[:1], key, now)
	if err != nil {
		t.Fatal(err)
	}
	var export bytes.Buffer
	w := audit.NewWriter(&export, key, "", "", now.Add(2*time.Second))
	w.Batch(batch)
	w.Entry(entries[0])
	w.Entry(entries[1])
	if err := w.End(""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "export.ndjson")
	if err := os.WriteFile(file, export.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	tampered := bytes.Replace(export.Bytes(), []byte("call-1"), []byte("call-9"), 1)
	for name, tc := range map[string]struct {
		args []string
		in   []byte
		ok   bool
		says []string
	}{
		"a file":           {[]string{"-key", public, file}, nil, true, []string{"1 entries in 1 batches of 1 partitions", "1 entries, the oldest for 2s", "\nVERIFIED"}},
		"standard input":   {[]string{"-key", public, "-"}, export.Bytes(), true, []string{"\nVERIFIED"}},
		"an entry changed": {[]string{"-key", public, "-"}, tampered, false, []string{"entry changed, partition p003, batch 1, entry 1770000000000-0", "NOT VERIFIED"}},
		"nothing":          {[]string{"-key", public, "-"}, nil, false, []string{"NOT VERIFIED"}},
		"another key":      {[]string{"-key", "//////////////////////////////////////////8=", "-"}, export.Bytes(), false, []string{"unknown key"}},
		"no key":           {[]string{"-"}, export.Bytes(), false, nil},
		"no export":        {[]string{"-key", public}, nil, false, nil},
		"not a key":        {[]string{"-key", "x", "-"}, export.Bytes(), false, nil},
		"no such file":     {[]string{"-key", public, file + "x"}, nil, false, nil},
	} {
		var out strings.Builder
		if err := verify(tc.args, bytes.NewReader(tc.in), &out); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		for _, text := range tc.says {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: does not say %q: %s", name, text, out.String())
			}
		}
	}
}
