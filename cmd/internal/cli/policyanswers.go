package cli

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/host"
	"github.com/mcpwasm/mcpwasm/internal/nearest"
)

// approvalsJSON is the output of policy approvals.
type approvalsJSON struct {
	Approvals []approvalJSON `json:"approvals"` // in ascending order of the ids
}

type approvalJSON struct {
	ID        string    `json:"id"`
	When      time.Time `json:"when"`
	Principal string    `json:"principal,omitempty"` // left out where nobody authenticated
	Server    string    `json:"server"`
	Digest    string    `json:"digest,omitempty"` // of the server's module
	Tool      string    `json:"tool,omitempty"`
	Rule      string    `json:"rule"` // that asked
	What      string    `json:"what"` // what was allowed, in words
}

func newPolicyApprovals(s Streams) *cobra.Command {
	var flags stateFlags
	cmd := &cobra.Command{
		Use:   "approvals",
		Short: "List what people have allowed for good",
		Long: `Approvals lists the questions of rules that were answered with "always". An answer holds
for exactly what was asked: this caller, this server's module, this tool's definition and
the words of this rule. One that holds no longer, since any of these has changed, stays
in the list until it is taken back; if it is changed back, it holds again.`,
		Args: takes(0, 0, "no argument"),
	}
	flags.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		list, err := host.Approvals(cmd.Context(), &lazyState{flags: &flags, s: s})
		if err != nil {
			return fmt.Errorf("list approvals: %w", err)
		}
		if out.json() {
			return writeJSON(s.Out, newApprovalsJSON(list))
		}
		return writeApprovals(s, list)
	}
	return cmd
}

func newApprovalsJSON(list []host.Approval) approvalsJSON {
	out := approvalsJSON{Approvals: []approvalJSON{}}
	for _, a := range list {
		out.Approvals = append(out.Approvals, approvalJSON{a.ID, a.When.UTC(), a.Principal, a.Server, a.Digest, a.Tool, a.Rule, a.What})
	}
	return out
}

func writeApprovals(s Streams, list []host.Approval) error {
	if len(list) == 0 {
		say(s, "nobody has allowed anything for good")
		return nil
	}
	rows := [][]string{{"ID", "SINCE", "SERVER", "TOOL", "RULE", "WHAT"}}
	for _, a := range list {
		what := a.What
		if a.Principal != "" {
			what = a.Principal + ": " + what
		}
		rows = append(rows, []string{a.ID, a.When.Local().Format(time.DateOnly), a.Server, oneLine(a.Tool, 20), oneLine(a.Rule, 20), oneLine(what, 30)})
	}
	return writeTable(s.Out, rows)
}

// forgetJSON is the output of policy forget.
type forgetJSON struct {
	Forgotten []string `json:"forgotten"` // IDs
}

func newPolicyForget(s Streams) *cobra.Command {
	var flags stateFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "forget ID...|--all",
		Short: "Take back what was allowed for good",
		Long: `Forget takes answers back that mcpwasm policy approvals lists: the next call is asked
for again.`,
		Args: func(_ *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usage("mcpwasm policy approvals lists them", "policy forget: want the IDs of answers, or --all")
			}
			return nil
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all answers")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		st := &lazyState{flags: &flags, s: s}
		list, err := host.Approvals(cmd.Context(), st)
		if err != nil {
			return fmt.Errorf("list approvals: %w", err)
		}
		var known []string
		for _, a := range list {
			known = append(known, a.ID)
		}
		if all {
			ids = known
		}
		if err := allKnown(ids, known); err != nil {
			return err
		}
		for _, id := range ids {
			if err := host.Forget(cmd.Context(), st, id); err != nil {
				return fmt.Errorf("forget %s: %w", id, err)
			}
		}
		if out.json() {
			return writeJSON(s.Out, forgetJSON{append([]string{}, ids...)})
		}
		say(s, "forgot %s", countOf(len(ids), "answer", "answers"))
		return nil
	}
	return cmd
}

// allKnown makes sure that all that is named is there, before anything is taken
// back.
func allKnown(ids, known []string) error {
	var errs []error
	for _, id := range ids {
		if !slices.Contains(known, id) {
			errs = append(errs, fmt.Errorf("there is no answer %q%s", id, nearest.Hint(id, known)))
		}
	}
	if len(errs) > 0 {
		return &failure{ExitInput, errors.Join(errs...), "mcpwasm policy approvals lists them"}
	}
	return nil
}
