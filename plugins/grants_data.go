package plugins

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/mcpwasm/mcpwasm/internal/bytesize"
)

// quotaTooLarge is beyond every disk, and far below where sums overflow.
const quotaTooLarge = 1 << 50

const mountForm = "want HOSTDIR:GUESTDIR[:ro|rw][:QUOTA], such as ./notes:/data:rw:10MiB"

// ParseMountGrant reads HOSTDIR:GUESTDIR[:ro|rw][:QUOTA], QUOTA as "10MiB"; the
// default is ro. It is read from its end, so that HOSTDIR may have colons:
// C:\notes:/data. GUESTDIR is absolute and clean and has none.
// [MountGrant.String] is the reverse.
func ParseMountGrant(text string) (MountGrant, error) {
	g := MountGrant{Access: ReadOnly}
	rest, last := cutLast(text)
	if quota, ok, err := parseQuota(last); err != nil {
		return MountGrant{}, fmt.Errorf("quota %w", err)
	} else if ok {
		g.QuotaBytes = quota
		rest, last = cutLast(rest)
	}
	if a := Access(last); a.valid() {
		g.Access = a
		rest, last = cutLast(rest)
	}
	g.Source, g.Path = rest, last
	if !strings.HasPrefix(g.Path, "/") {
		if strings.Contains(rest, ":/") {
			return MountGrant{}, fmt.Errorf("%q behind the guest's folder: want ro or rw, and then a quota such as 10MiB", last)
		}
		return MountGrant{}, fmt.Errorf("%q: %s; the guest's folder begins with a slash", text, mountForm)
	}
	if g.Source == "" && !strings.HasPrefix(text, ":") {
		return MountGrant{}, fmt.Errorf("the guest's folder is missing behind %q: %s", g.Path, mountForm)
	}
	// First, for what follows writes the folders into its errors.
	if err := g.check(); err != nil {
		return MountGrant{}, err
	}
	if g.Source == "~" || strings.HasPrefix(g.Source, "~/") {
		return MountGrant{}, fmt.Errorf("%q: ~ is not expanded: write the whole path, or ./%[1]s for a folder of that name", g.Source)
	}
	if isDrive(g.Source) {
		return MountGrant{}, fmt.Errorf("%q reads like a drive without a guest's folder: write %[1]s:%s:/data, or ./%[1]s for a folder of that name", g.Source, g.Path)
	}
	return g, nil
}

// isDrive reports whether a folder is the letter of a drive, behind which a colon
// is no separator.
func isDrive(folder string) bool {
	return len(folder) == 1 && unicode.IsLetter(rune(folder[0]))
}

// cutLast parts a text at its last colon; without one, all of it is the second.
func cutLast(text string) (before, last string) {
	i := strings.LastIndexByte(text, ':')
	return text[:max(i, 0)], text[i+1:]
}

// parseQuota reads a text that begins with a digit as a size; any other is none.
func parseQuota(text string) (quota int64, ok bool, err error) {
	if text == "" || text[0] < '0' || text[0] > '9' {
		return 0, false, nil
	}
	quota, err = bytesize.Parse(text, quotaTooLarge)
	return quota, err == nil, err
}

// check is what a mount needs whose access is set, however it was written.
func (g MountGrant) check() error {
	switch {
	case g.Source == "":
		return errors.New("the host's folder is missing: " + mountForm)
	case hasControls(g.Source) || hasControls(g.Path):
		return errors.New("has control characters")
	case !formFolder.MatchString(g.Path) || path.Clean(g.Path) != g.Path || strings.Contains(g.Path, ":"):
		return fmt.Errorf("guest's folder %q: want an absolute path without a colon, empty, %q and %q segments or a slash at its end", g.Path, ".", "..")
	case within(g.Path, ScratchPath):
		return fmt.Errorf("%s is where the guest has its scratch folder: mount at another place", ScratchPath)
	case len(g.Path) > maxURL:
		return fmt.Errorf("guest's folder: longer than %d characters", maxURL)
	case !g.Access.valid():
		return fmt.Errorf("access %q: want ro or rw", g.Access)
	case g.QuotaBytes < 0 || g.QuotaBytes >= quotaTooLarge:
		return fmt.Errorf("a quota of %d bytes", g.QuotaBytes)
	case g.Access == ReadOnly && g.QuotaBytes != 0:
		return errors.New("a quota bounds what is written, and the mount is read-only: add rw, or leave the quota out")
	}
	return nil
}

func hasControls(s string) bool { return strings.IndexFunc(s, unicode.IsControl) >= 0 }

// String returns the form that [ParseMountGrant] reads. A folder whose name is
// one letter is written "./x".
func (g MountGrant) String() string {
	access := cmp.Or(g.Access, ReadOnly)
	source := g.Source
	if isDrive(source) {
		source = "./" + source
	}
	return source + ":" + g.Path + ":" + string(access) + quotaText(g.QuotaBytes)
}

// quotaText is what a quota adds to the text of a grant.
func quotaText(n int64) string {
	if n == 0 {
		return ""
	}
	return ":" + bytesize.Format(n)
}

// ParseKVGrant reads ro, rw, QUOTA, ro:QUOTA or rw:QUOTA; the default, also of an
// empty text, is rw. [KVGrant.String] is the reverse.
func ParseKVGrant(text string) (KVGrant, error) {
	access, quota, both := strings.Cut(text, ":")
	if text == "" || access != "" && access[0] >= '0' && access[0] <= '9' {
		access, quota, both = string(ReadWrite), text, text != ""
	}
	g := KVGrant{Access: Access(access)}
	if !g.Access.valid() {
		return KVGrant{}, fmt.Errorf("%q: want ro, rw, a quota such as 10MiB, or both: ro:10MiB", text)
	}
	if !both {
		return g, nil
	}
	var err error
	if g.QuotaBytes, err = bytesize.Parse(quota, quotaTooLarge); err != nil {
		return KVGrant{}, fmt.Errorf("quota %w", err)
	}
	return g, nil
}

// String returns the form that [ParseKVGrant] reads.
func (g KVGrant) String() string {
	return string(cmp.Or(g.Access, ReadWrite)) + quotaText(g.QuotaBytes)
}

// ParseAccess reads ro or rw.
func ParseAccess(text string) (Access, error) {
	if a := Access(text); a.valid() {
		return a, nil
	}
	return "", fmt.Errorf("%q: want ro or rw", text)
}

func (a Access) valid() bool { return a == ReadOnly || a == ReadWrite }

// ParseToolAccess reads TOOL=ro or TOOL=rw.
func ParseToolAccess(text string) (tool string, access Access, err error) {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return "", "", fmt.Errorf("%q: want TOOL=ro or TOOL=rw", text)
	}
	if err := checkToolName(text[:i]); err != nil {
		return "", "", err
	}
	access, err = ParseAccess(text[i+1:])
	if err != nil {
		return "", "", err
	}
	return text[:i], access, nil
}

func checkToolName(name string) error {
	switch {
	case name == "":
		return errors.New("the tool's name is missing: want TOOL=ro or TOOL=rw")
	case hasControls(name):
		return fmt.Errorf("tool %q: has control characters", name)
	}
	return nil
}
