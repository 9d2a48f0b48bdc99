package plugins

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// The longest name and label (RFC 1035, 2.3.4).
const (
	maxHost  = 253
	maxLabel = 63
)

var (
	formLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	formPort  = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	// formNumber is what makes a host an IPv4 address by the URL standard
	// (url.spec.whatwg.org, "ends in a number"), when it is the last label.
	formNumber = regexp.MustCompile(`^([0-9]+|0[xX][0-9A-Fa-f]*)$`)
)

// parseHostPort reads HOST[:PORT] and puts the host into the one form that
// [HTTPGrant] has. The port is 0 where there is none.
func parseHostPort(text string, wildcard bool) (host string, port int, err error) {
	host, digits, hasPort := text, "", false
	if bracket := strings.LastIndexByte(text, ']'); strings.Count(text[bracket+1:], ":") > 1 {
		return "", 0, fmt.Errorf("host %q: more than one colon; an IPv6 address is written in brackets: [2001:db8::1]", text)
	} else if colon := strings.LastIndexByte(text, ':'); colon > bracket {
		host, digits, hasPort = text[:colon], text[colon+1:], true
	}
	if hasPort {
		port, err = strconv.Atoi(digits)
		if err != nil || port > 65535 || !formPort.MatchString(digits) {
			return "", 0, fmt.Errorf("port %q: want a number from 1 to 65535", digits)
		}
	}
	host, err = cleanHost(host, wildcard)
	return host, port, err
}

// joinHostPort is the reverse of parseHostPort.
func joinHostPort(host string, port int) string {
	if port != 0 {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// cleanHost puts a host into its one form: a name in lower case, or an address
// as [netip.Addr] writes it. What some resolvers take for an address, and others
// for a name, is neither: 127.1, 0x7f.0.0.1, 2130706433.
func cleanHost(host string, wildcard bool) (string, error) {
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case host == "":
		return "", errors.New("the host is missing")
	case strings.ContainsAny(host, "[]:"):
		return cleanIPv6(host)
	case formNumber.MatchString(last):
		return cleanIPv4(host)
	case host == "*" && wildcard:
		return host, nil
	}
	return cleanName(host, wildcard)
}

func cleanIPv6(host string) (string, error) {
	inner, open := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	addr, err := netip.ParseAddr(inner)
	switch {
	case !open || !closed || err != nil || addr.Is4():
		return "", fmt.Errorf("host %q: want an IPv6 address in brackets: [2001:db8::1]", host)
	case addr.Zone() != "":
		return "", fmt.Errorf("host %q: an address has no zone (%q) here", host, "%"+addr.Zone())
	}
	return specified(host, addr.Unmap())
}

func cleanIPv4(host string) (string, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "", fmt.Errorf("host %q: want an address of four decimal numbers such as 127.0.0.1, or a name whose last label is no number", host)
	}
	return specified(host, addr)
}

// specified refuses the addresses that systems take for this machine although
// they are none.
func specified(host string, addr netip.Addr) (string, error) {
	if addr.IsUnspecified() {
		return "", fmt.Errorf("host %q: nothing has this address; this machine is 127.0.0.1 or [::1]", host)
	}
	return addr.String(), nil
}

func cleanName(host string, wildcard bool) (string, error) {
	name := strings.ToLower(host)
	labels := strings.Split(name, ".")
	last := len(labels) - 1
	switch {
	case strings.IndexFunc(host, func(r rune) bool { return r >= 0x80 }) >= 0:
		return "", fmt.Errorf("host %q: write the name in ASCII, as punycode: xn--…", host)
	case len(name) > maxHost:
		return "", fmt.Errorf("host %q: longer than %d characters", host, maxHost)
	case last > 0 && labels[last] == "":
		return "", fmt.Errorf("host %q: write the name without the dot at its end", host)
	case strings.Contains(name, "*") && !wildcard:
		return "", fmt.Errorf("host %q: a secret is not for hosts that a wildcard stands for", host)
	case labels[last] == "*":
		return "", fmt.Errorf("host %q: the last label of a name cannot be a wildcard", host)
	}
	for _, l := range labels {
		switch {
		case l == "*":
		case strings.Contains(l, "*"):
			return "", fmt.Errorf("host %q: a * stands for one whole label: *.example.com", host)
		case len(l) > maxLabel || !formLabel.MatchString(l):
			return "", fmt.Errorf("host %q: want labels of letters, digits and inner dashes, 1 to %d each, with dots between them", host, maxLabel)
		}
	}
	return name, nil
}

// isLoopback reports whether a host is this machine, in the forms of [HTTPGrant].
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// standsFor reports whether a pattern in the form of [HTTPGrant.Host] stands for a
// host. "*" stands for names, of which localhost is none: only its own name
// and addresses reach this machine.
func standsFor(pattern, host string) bool {
	if pattern == host {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return false
	}
	if pattern == "*" {
		return true
	}
	p, h := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(p) != len(h) {
		return false
	}
	for i := range p {
		if p[i] != "*" && p[i] != h[i] {
			return false
		}
	}
	return true
}
