// Command report runs the benchmarks of this module several times and writes what
// they say into a Markdown file, between two markers:
//
//	go run ./report [-rounds 5] [-benchtime 500ms] FILE
//
// `make bench-report` builds what is measured and calls it. Every figure in the
// file comes from such a run.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "report: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	rounds := flags.Int("rounds", 5, "how often to run all benchmarks")
	benchtime := flags.String("benchtime", "500ms", "how long each benchmark of a round takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *rounds < 1 {
		return fmt.Errorf("want -rounds of at least 1 and one argument: the file to write to")
	}
	page, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	log := log.New(stderr, "report: ", 0)
	var all []round
	for i := range *rounds {
		log.Printf("round %d of %d", i+1, *rounds)
		out, err := goTest(ctx, *benchtime, stderr)
		if err != nil {
			return err
		}
		r, err := parse(bytes.NewReader(out))
		if err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		all = append(all, r)
	}
	command := fmt.Sprintf("make bench-report ROUNDS=%d BENCHTIME=%s", *rounds, *benchtime)
	tables, err := render(all, thisMachine(command, all[0].cpu))
	if err != nil {
		return err
	}
	page, err = splice(page, tables)
	if err != nil {
		return fmt.Errorf("%s: %w", flags.Arg(0), err)
	}
	return os.WriteFile(flags.Arg(0), page, 0o644)
}

// goTest runs the benchmarks once.
func goTest(ctx context.Context, benchtime string, stderr io.Writer) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem",
		"-benchtime", benchtime, "-timeout", "1h", ".")
	cmd.Stderr = stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test: %w\n%s", err, out)
	}
	return out, nil
}

const (
	beginMarker = "<!-- figures: written by make bench-report -->"
	endMarker   = "<!-- end of the figures -->"
)

// splice puts text between the markers of a page.
func splice(page, text []byte) ([]byte, error) {
	before, rest, ok := bytes.Cut(page, []byte(beginMarker))
	_, after, ok2 := bytes.Cut(rest, []byte(endMarker))
	if !ok || !ok2 {
		return nil, fmt.Errorf("want the lines %q and %q, in this order", beginMarker, endMarker)
	}
	return bytes.Join([][]byte{before, []byte(beginMarker + "\n\n"), text, []byte("\n" + endMarker), after}, nil), nil
}
