// Command local runs the whole service on one machine, for trying and for
// tests: go run ./local. It listens on loopback only and lets anybody in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"polis/local/functions"
	"polis/local/issuer"
	"polis/local/personas"
	"polis/local/platform"
)

const usage = `The whole service on one machine.

  go run ./local [flags]                    start; Ctrl-C stops everything
  go run ./local personas                   list the test persons
  go run ./local [-addr A] token NAME       print a bearer token of a test person
  go run ./local [-addr A] clock +72h       move the law clock, by +3d or -30m as well, or set it: 2026-03-10T09:00:00+03:00
  go run ./local verify -key KEY FILE|-     check an export of the audit by the public key

-addr is needed where the service does not listen at ` + platform.DefaultAddr + `.
`

func main() {
	platform.RunChild(functions.All)
	ctx, stop := signal.NotifyContext(untilGoRunDies(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	options := platform.Options{Progress: os.Stdout, Log: os.Stderr, Replicas: map[string]int{}}
	var s3 platform.S3
	flags := flag.NewFlagSet("local", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage+"\nFlags:\n")
		flags.PrintDefaults()
	}
	flags.StringVar(&options.Addr, "addr", platform.DefaultAddr, "loopback `address` to listen on, or of the instance to command")
	flags.StringVar(&options.Data, "data", "", "`folder` that keeps all data (without it they are removed at the end)")
	flags.StringVar(&options.Stack, "stack", "stack.yml", "stack `file`")
	flags.StringVar(&options.Redis, "redis", "", "`URL` of your Redis, with its password, or \"embedded\" (default: a redis-server found on the path, else embedded)")
	flags.StringVar(&s3.URL, "s3", "", "`URL` of your S3 or MinIO (default: embedded)")
	flags.StringVar(&s3.AccessKey, "s3-access-key", "", "its access `key`")
	flags.StringVar(&s3.SecretKey, "s3-secret-key", "", "its secret `key`")
	flags.StringVar(&s3.Bucket, "s3-bucket", platform.Bucket, "its `bucket`, made where it is missing")
	flags.BoolVar(&options.Verbose, "v", false, "show everything that the functions log (always in logs/ of the data folder)")
	flags.Func("replicas", "`NAME=N`: processes of a function at the start, over its label; may be repeated", func(value string) error {
		name, number, _ := strings.Cut(value, "=")
		n, err := strconv.Atoi(number)
		options.Replicas[name] = n
		return err
	})
	flags.Float64Var(&options.Queue.Drop, "queue-drop", 0, "`share` of the queue's calls that are accepted and never made")
	flags.Float64Var(&options.Queue.Double, "queue-double", 0, "`share` of the queue's calls that are made twice")
	flags.DurationVar(&options.Queue.Delay, "queue-delay", 0, "longest `time` that a call waits in the queue")
	flags.Uint64Var(&options.Queue.Seed, "queue-seed", 0, "`number` that decides which calls these are")
	flags.Func("clock", "law clock at the start, as 2026-03-10T09:00:00+03:00", func(value string) (err error) {
		options.Clock, err = time.Parse(time.RFC3339, value)
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s3.URL != "" {
		options.S3 = &s3
	}
	switch command := flags.Arg(0); command {
	case "":
		return serve(ctx, options)
	case "personas":
		if flags.NArg() > 1 {
			return fmt.Errorf("personas takes nothing after it, and there is %q", flags.Arg(1))
		}
		return printPersonas(os.Stdout)
	case "token":
		return printToken(ctx, options.Addr, flags.Args()[1:])
	case "verify":
		return verify(flags.Args()[1:], os.Stdin, os.Stdout)
	case "clock":
		return moveClock(ctx, options.Addr, flags.Args()[1:])
	default:
		fmt.Fprint(flags.Output(), usage)
		return fmt.Errorf("there is no command %q; the commands are personas, token, clock and verify", command)
	}
}

func serve(ctx context.Context, options platform.Options) error {
	instance, err := platform.Start(ctx, options)
	if err != nil {
		return err
	}
	fmt.Println("ready " + instance.BaseURL() + "/function/portal")
	<-ctx.Done()
	fmt.Println("stopping")
	return instance.Close()
}

func printPersonas(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tWHO\tSTANDS FOR")
	for _, p := range personas.All() {
		who := p.Human.FullName()
		if who == "" {
			who = "—"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, who, p.Case)
	}
	return table.Flush()
}

// printToken reads flags before and after the name.
func printToken(ctx context.Context, addr string, args []string) error {
	var flaw issuer.Flaw
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	flags.StringVar(&addr, "addr", addr, "`address` of the instance")
	flags.BoolVar(&flaw.Expired, "expired", false, "a token whose time is over")
	flags.StringVar(&flaw.Issuer, "issuer", "", "a token of this `name`'s issuing")
	flags.StringVar(&flaw.Audience, "audience", "", "a token meant for this `name`")
	flags.Func("alg", "\"none\": a token without a signature", func(value string) error {
		if value != "none" {
			return errors.New("only \"none\"")
		}
		flaw.Unsigned = true
		return nil
	})
	var names []string
	for {
		if err := flags.Parse(args); err != nil {
			return err
		}
		if flags.NArg() == 0 {
			break
		}
		names = append(names, flags.Arg(0))
		args = flags.Args()[1:]
	}
	if len(names) != 1 {
		return errors.New("token needs the name of one test person: go run ./local personas lists them")
	}
	token, err := platform.Remote{Addr: addr}.Token(ctx, names[0], flaw)
	if err != nil {
		return err
	}
	fmt.Println(token)
	return nil
}

func moveClock(ctx context.Context, addr string, args []string) error {
	if len(args) != 1 {
		return errors.New("clock needs one step like +72h or +3d, or a time like 2026-03-10T09:00:00+03:00, and before it the flags: go run ./local -addr A clock +72h")
	}
	now, err := platform.Remote{Addr: addr}.MoveClock(ctx, args[0])
	if err != nil {
		return err
	}
	fmt.Println("law clock", now)
	return nil
}

// untilGoRunDies ends when the "go run" that started this program is gone: it
// does not take its child with it when it is killed. A program that was built
// and started by itself may outlive its shell.
func untilGoRunDies() context.Context {
	parent := os.Getppid()
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent))
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return context.Background()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for os.Getppid() == parent {
			time.Sleep(200 * time.Millisecond) // nothing tells of it: one has to look
		}
		cancel()
	}()
	return ctx
}
