package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"polis/shared/audit"
)

// shown is how many findings are printed; the others are counted.
const shown = 1000

// verify checks an export of the audit by the public keys alone, and says what
// is wrong with it. An export in which something is wrong is an error.
func verify(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	text := flags.String("key", "", "public `key` as audit-trail/keys shows it; several with commas between")
	if err := flags.Parse(args); err != nil {
		return err
	}
	keys, err := audit.ParseKeys(*text)
	if err != nil {
		return err
	}
	if len(keys) == 0 || flags.NArg() != 1 {
		return errors.New("verify needs a public key and an export: verify -key KEY FILE, or - to read standard input")
	}
	if name := flags.Arg(0); name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	printed := 0
	report, err := audit.Verify(in, keys, func(f audit.Finding) {
		if printed++; printed <= shown {
			fmt.Fprintln(out, f)
		}
	})
	if err != nil {
		return err
	}
	if printed > shown {
		fmt.Fprintf(out, "and %d more\n", printed-shown)
	}
	of := "all partitions"
	if report.Partition != "" {
		of = "partition " + report.Partition
	}
	fmt.Fprintf(out, "%s, read %s to %s\n", of, report.From.Format(time.RFC3339), report.To.Format(time.RFC3339))
	fmt.Fprintf(out, "sealed:         %d entries in %d batches of %d partitions\n", report.Entries, report.Batches, report.Partitions)
	fmt.Fprintf(out, "not sealed yet: %d entries", report.Unsealed)
	if report.Unsealed > 0 {
		fmt.Fprintf(out, ", the oldest for %s", report.Age.Round(time.Millisecond))
	}
	if report.Findings > 0 {
		fmt.Fprintln(out, "\nNOT VERIFIED")
		return fmt.Errorf("%d things are wrong with the export", report.Findings)
	}
	fmt.Fprintln(out, "\nVERIFIED")
	return nil
}
