package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/plugins"
)

// grantFlags are the flags that give a server something.
type grantFlags struct {
	http    repeated[plugins.HTTPGrant]
	mounts  repeated[plugins.MountGrant]
	kv      optional[plugins.KVGrant]
	secrets repeated[plugins.SecretGrant]
	tools   toolFlag
	clock   config.Precision
}

func (f *grantFlags) register(cmd *cobra.Command) {
	f.http.parse = plugins.ParseHTTPGrant
	f.mounts.parse = plugins.ParseMountGrant
	f.kv.parse = parseKVFlag
	f.secrets.parse = plugins.ParseSecretGrant
	flags := cmd.Flags()
	flags.Var(&f.http, "allow-http", "requests that the server may send: [METHOD,... ][SCHEME://]HOST[:PORT][/PATH]; may be repeated")
	flags.Var(&f.mounts, "mount", "folder that the server sees: HOSTDIR:GUESTDIR[:ro|rw][:QUOTA]; may be repeated")
	flags.Var(&f.kv, "kv", "lets the server keep data: ro, rw, QUOTA or both, as in --kv=ro:10MiB")
	flags.Lookup("kv").NoOptDefVal = plugins.KVGrant{}.String()
	flags.Var(&f.secrets, "secret", "secret that the server may use and never sees: NAME=PROVIDER:REF@HOST; may be repeated")
	flags.Var(&f.tools, "tool-access", "access of one tool, whatever its hints say: TOOL=ro or TOOL=rw; may be repeated")
	flags.Var(&f.clock, "clock", "precision of the server's clocks, at most 1m (default 1ms)")
}

// given names a flag that stands on the command line, "" for none.
func (f *grantFlags) given() string {
	switch {
	case len(f.http.values) > 0:
		return "allow-http"
	case len(f.mounts.values) > 0:
		return "mount"
	case f.kv.value != nil:
		return "kv"
	case len(f.secrets.values) > 0:
		return "secret"
	case len(f.tools.access) > 0:
		return "tool-access"
	case f.clock.Duration() != 0:
		return "clock"
	}
	return ""
}

// parseKVFlag refuses --kv=, which a variable without a value would leave: a flag
// alone comes as its NoOptDefVal.
func parseKVFlag(text string) (plugins.KVGrant, error) {
	if text == "" {
		return plugins.KVGrant{}, errors.New("nothing stands behind the equals sign: want ro, rw, a quota such as 10MiB, or --kv alone")
	}
	return plugins.ParseKVGrant(text)
}

// grants returns what the flags give; the error names every flag that cannot
// hold.
func (f *grantFlags) grants(env []string) (plugins.Grants, error) {
	g := plugins.Grants{
		HTTP: f.http.values, Mounts: f.mounts.values, KV: f.kv.value, Secrets: f.secrets.values, Tools: f.tools.access,
	}
	if err := g.Validate(env); err != nil {
		return plugins.Grants{}, &failure{ExitUsage, byFlag(g, err), ""}
	}
	return g, nil
}

// byFlag says of grants' problems, wherever they were found, which flag each is
// about. Any other error stays as it is.
func byFlag(g plugins.Grants, err error) error {
	problems := grantProblems(err)
	if len(problems) == 0 {
		return err
	}
	flags := flagsOf(g)
	var all []error
	for _, p := range problems {
		name, ok := flags[p.Path]
		if key, isEnv := strings.CutPrefix(p.Path, "env."); isEnv {
			name, ok = "--env "+key, true
		}
		if !ok {
			name = p.Path
		}
		all = append(all, fmt.Errorf("%s: %w", name, p.Err))
	}
	return errors.Join(all...)
}

// grantProblems returns the problems of grants among an error's causes.
func grantProblems(err error) plugins.GrantProblems {
	if all, ok := errors.AsType[plugins.GrantProblems](err); ok {
		return all
	}
	if one, ok := errors.AsType[*plugins.GrantProblem](err); ok {
		return plugins.GrantProblems{one}
	}
	return nil
}

// flagsOf names the flags of grants by the grants' paths. A secret's is
// shortened: its text may have what is nobody's business.
func flagsOf(g plugins.Grants) map[string]string {
	flags := map[string]string{
		"grants.http": "--allow-http", "grants.mounts": "--mount", "grants.kv": "--kv", "grants.secrets": "--secret",
	}
	for i, h := range g.HTTP {
		flags[fmt.Sprintf("grants.http[%d]", i)] = fmt.Sprintf("--allow-http %q", h)
	}
	for i, m := range g.Mounts {
		flags[fmt.Sprintf("grants.mounts[%d]", i)] = fmt.Sprintf("--mount %q", m)
	}
	for _, s := range g.Secrets {
		flags["grants.secrets."+s.Name] = "--secret " + s.Name
	}
	for tool, access := range g.Tools {
		flags["grants.tools."+tool] = fmt.Sprintf("--tool-access %q", tool+"="+string(access))
	}
	return flags
}

// repeated is a flag that may stand several times.
type repeated[T fmt.Stringer] struct {
	parse  func(string) (T, error)
	values []T
}

// Set implements pflag.Value.
func (r *repeated[T]) Set(text string) error {
	v, err := r.parse(text)
	if err == nil {
		r.values = append(r.values, v)
	}
	return err
}

// String implements pflag.Value.
func (r *repeated[T]) String() string {
	texts := make([]string, len(r.values))
	for i, v := range r.values {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// Type implements pflag.Value.
func (r *repeated[T]) Type() string { return "grant" }

// optional is a flag that stands once, if at all.
type optional[T fmt.Stringer] struct {
	parse func(string) (T, error)
	value *T
}

// Set implements pflag.Value.
func (o *optional[T]) Set(text string) error {
	if o.value != nil {
		return errors.New("it stands twice")
	}
	v, err := o.parse(text)
	if err == nil {
		o.value = &v
	}
	return err
}

// String implements pflag.Value.
func (o *optional[T]) String() string {
	if o.value == nil {
		return ""
	}
	return (*o.value).String()
}

// Type implements pflag.Value.
func (o *optional[T]) Type() string { return "grant" }

// toolFlag is the access of tools by their names.
type toolFlag struct{ access map[string]plugins.Access }

// Set implements pflag.Value.
func (f *toolFlag) Set(text string) error {
	tool, access, err := plugins.ParseToolAccess(text)
	if err != nil {
		return err
	}
	if have, ok := f.access[tool]; ok {
		return fmt.Errorf("the tool %s has %s already", tool, have)
	}
	if f.access == nil {
		f.access = map[string]plugins.Access{}
	}
	f.access[tool] = access
	return nil
}

// String implements pflag.Value.
func (f *toolFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *toolFlag) Type() string { return "grant" }
