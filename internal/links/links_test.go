package links

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTrail(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"v1/deep", "v2", "elsewhere"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"cur": "v1", "abs": filepath.Join(base, "v2"), "v1/policy": "../elsewhere/real", "chain": "cur/policy",
		"gone": "not/there", "loop": "loop", "deep": "v1/deep",
	} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ path, want string }{
		{"v1", "v1"},
		{"v1/./x//y", "v1/x/y"},
		{"v1/policy", "v1/policy elsewhere/real"},
		{"cur/policy", "cur v1/policy elsewhere/real"},
		{"chain", "chain cur v1/policy elsewhere/real"},
		{"abs/x", "abs v2/x"},
		{"gone/x", "gone not/there/x"},
		{"deep/../x", "deep v1/x"},
		{"v1/../v2", "v2"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			var want []string
			for name := range strings.FieldsSeq(tt.want) {
				want = append(want, filepath.Join(base, filepath.FromSlash(name)))
			}
			got, err := Trail(base + string(filepath.Separator) + filepath.FromSlash(tt.path))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("Trail = %q, %v; want %q", got, err, want)
			}
		})
	}
	if got, err := Trail(filepath.Join(base, "loop")); err == nil {
		t.Errorf("a loop leads to %q", got)
	}
	t.Chdir(base)
	if got, err := Trail("cur"); err != nil || !slices.Equal(got, []string{filepath.Join(base, "cur"), filepath.Join(base, "v1")}) {
		t.Errorf("a relative path: %q, %v", got, err)
	}
}
