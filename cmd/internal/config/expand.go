package config

import "strings"

// expand replaces ${NAME} by the host's variable of that name; $${ stands for a
// plain ${. Every other $ is itself.
func (d *decoder) expand(path, s string) string {
	return d.replace(s, func(name string) string {
		if !formEnvName.MatchString(name) {
			d.At(path, "${%s}: want the name of a variable; a plain ${ is written $${", name)
			return ""
		}
		v, ok := d.lookup(name)
		if !ok {
			d.At(path, "the environment variable %s is not set", name)
		}
		return v
	}, func() { d.At(path, "${ without its }; a plain ${ is written $${") })
}

// plain refuses variables in places where they are not replaced, so that none
// is taken for a value by mistake.
func (d *decoder) plain(path, s string) string {
	return d.replace(s, func(name string) string {
		d.At(path, "${%s}: variables are replaced in the values of env only; a plain ${ is written $${", name)
		return ""
	}, func() { d.At(path, "${ without its }; a plain ${ is written $${") })
}

func (d *decoder) replace(s string, value func(name string) string, open func()) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if strings.HasSuffix(before, "$") {
			b.WriteString("{") // the $ is there already
			s = rest
			continue
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			open()
			return b.String()
		}
		b.WriteString(value(name))
		s = after
	}
}
