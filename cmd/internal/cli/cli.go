// Package cli is the command line of mcpwasm: flags, output for people and
// programs, exit codes.
//
// Standard output is for data, and carries nothing but MCP while a command
// speaks MCP on it. Standard error is for people: "mcpwasm: error: …", then
// "hint: …" where there is a way out. [Run] takes all that it touches, so that
// main only exits.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	goruntime "runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// Streams are what a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line of this process and returns its exit code. The
// first interrupt ends the command in good order, a second one ends the process.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	shareProcessors()
	collectLate()
	// net/http logs what upstreams send unasked, secrets included.
	log.SetOutput(io.Discard)
	return Run(ctx, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr})
}

// shareProcessors lets more threads run than there are processors, so that the
// system shares these out. Go's scheduler cannot take a processor from a thread
// that is inside of a guest: with one thread for each, a guest that computes would
// keep the others waiting for 10 ms at a time.
func shareProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		goruntime.GOMAXPROCS(2 * goruntime.GOMAXPROCS(0))
	}
}

// collectLate has the first garbage collection at 16 MiB in place of 4, after
// which it is as ever: a short command is done before, and its start is a good
// part of its time.
func collectLate() {
	if os.Getenv("GOGC") != "" {
		return
	}
	percent := debug.SetGCPercent(400)
	first := new([64]byte) // garbage that the first collection finds
	goruntime.AddCleanup(first, func(percent int) { debug.SetGCPercent(percent) }, percent)
}

// Run runs one command line, without the program's name, and returns its exit
// code.
func Run(ctx context.Context, args []string, streams Streams) int {
	root := newRoot(streams)
	err := checkCommand(root, args)
	if err == nil {
		root.SetArgs(args)
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return ExitOK
	}
	return report(streams.Err, err)
}

func newRoot(s Streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "mcpwasm",
		Short: "Run MCP servers compiled to WebAssembly, in a sandbox",
		Long: `mcpwasm runs MCP servers that are compiled to WebAssembly. Each runs in a sandbox
that starts without any authority: no files, no network, no environment.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(flagError)
	addCommands(root, "Run servers:", newRun(s), newServe(s), newTools(s), newCall(s), newValidate(s), newSecret(s))
	addCommands(root, "Decide by policy:", newPolicy(s))
	addCommands(root, "Choose servers:", newSearch(s), newShow(s), newInspect(s), newVerify(s), newPull(s), newCatalog(s))
	addCommands(root, "Approve servers:", newAdd(s), newList(s), newDiff(s), newUpdate(s), newRemove(s), newLock(s))
	addCommands(root, "Publish servers:", newBuild(s), newPush(s), newKeygen(s), newSign(s), newAttest(s), newPublish(s))
	addCommands(root, "More:", newLogin(s), newLogout(s), newRegistry(s), newCache(s), newVersion(s), newCompile(s))
	root.SetHelpCommandGroupID("More:")
	root.SetCompletionCommandGroupID("More:")
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("completion")
	root.InitDefaultHelpFlag()
	return root
}

// addCommands adds commands under a title of their own in the help.
func addCommands(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
	}
	root.AddCommand(commands...)
}

// family returns a command that only holds others.
func family(name, short, long string, commands ...*cobra.Command) *cobra.Command {
	var known []string
	for _, c := range commands {
		known = append(known, c.Name())
	}
	cmd := &cobra.Command{
		Use: name, Short: short, Long: long,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usage("mcpwasm "+name+" --help lists the commands", "%s: unknown command %q%s", name, args[0], nearest.Hint(args[0], known))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(commands...)
	return cmd
}

// checkCommand refuses an unknown command before its flags are looked at, which
// only the command that was meant would know.
func checkCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	var known []string
	for _, c := range root.Commands() {
		if c.Name() == args[0] || c.HasAlias(args[0]) {
			if c.Name() == "help" {
				return checkCommand(root, args[1:])
			}
			return nil
		}
		known = append(known, c.Name())
	}
	return usage("mcpwasm help lists the commands", "unknown command %q%s", args[0], nearest.Hint(args[0], known))
}

// flagError says which flag was meant.
func flagError(cmd *cobra.Command, err error) error {
	hint := cmd.CommandPath() + " --help lists the flags"
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok && invalid.GetFlag().Name == "secret" {
		return usage(hint, "--secret: %w", errors.Unwrap(invalid)) // without the value: it may be the secret
	}
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usage(hint, "%v", err)
	}
	name := unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		return usage(hint, "unknown flag -%s", name)
	}
	if cmd.Name() == "serve" && isServerFlag(name) {
		return usage("see the servers in mcpwasm.yaml: mcpwasm validate --schema prints what they may hold",
			"unknown flag --%s: what one server is given stands in the configuration file", name)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if n := nearest.Name(name, known); n != "" {
		return usage(hint, "unknown flag --%s: did you mean --%s?", name, n)
	}
	return usage(hint, "unknown flag --%s", name)
}

// isServerFlag reports whether a flag is about one server, as run has it.
func isServerFlag(name string) bool {
	var own, shared cobra.Command
	(&guestFlags{}).register(&own)
	(&hostFlags{}).register(&shared)
	return own.Flags().Lookup(name) != nil && shared.Flags().Lookup(name) == nil
}

// files makes a command's first argument complete to files with one of the
// endings.
func files(endings ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}
}

// printable makes text of an untrusted origin safe to show: what could move the
// cursor or change colours becomes U+FFFD. Line ends and tabs stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// isTerminal reports whether a stream is one where a person looks.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say writes one line for people.
func say(s Streams, format string, args ...any) {
	_, _ = fmt.Fprintln(s.Err, "mcpwasm: "+printable(fmt.Sprintf(format, args...))) // nowhere to report to
}
