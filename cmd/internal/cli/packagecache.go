package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/config"
	"github.com/mcpwasm/mcpwasm/registry/cache"
	"github.com/mcpwasm/mcpwasm/registry/lock"
)

// openPackageCache opens the cache of packages below a folder for caches. What a
// lock file has is never dropped.
func openPackageCache(cacheDir string, file *config.File, lockPath string, log *slog.Logger) (*cache.Cache, error) {
	pins := func() ([]string, error) {
		f, err := lock.Load(lockPath)
		if err != nil {
			return nil, err
		}
		var digests []string
		for _, e := range f.Servers {
			digests = append(digests, e.Digest, e.Module.Digest)
		}
		return digests, nil
	}
	return cache.Open(filepath.Join(cacheDir, "packages"), cache.Options{MaxBytes: file.CacheBytes, Pinned: pins, Log: log})
}

// packageCacheFlags are those of the commands about the cache of packages.
type packageCacheFlags struct {
	dir    string
	config string
	lock   lockFlags
}

func (f *packageCacheFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "cache-dir", "", "`FOLDER` for compiled code and packages (default: mcpwasm in the user's cache folder)")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", configHelp)
	f.lock.register(cmd)
}

func (f *packageCacheFlags) open(s Streams) (*cache.Cache, error) {
	dir := f.dir
	if dir == "" {
		dir = defaultCacheDir()
	}
	if dir == "" {
		return nil, usage("--cache-dir FOLDER names it", "there is no folder for caches")
	}
	file, err := optionalConfig(s, f.config)
	if err != nil {
		return nil, err
	}
	return openPackageCache(dir, file, f.lock.in(file), slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

func newCache(s Streams) *cobra.Command {
	return family("cache", "Look after the cache of packages", `Cache is about packages that were fetched from registries. They are kept by digest,
hashed whenever they are read, and dropped when there are too many of them, those
first that were not used for the longest time. What the lock file has stays.`,
		newCacheList(s), newCachePrune(s), newCacheVerify(s))
}

// cacheListJSON is the output of cache list.
type cacheListJSON struct {
	Folder  string           `json:"folder"`
	Bytes   int64            `json:"bytes"`
	Content []cacheEntryJSON `json:"content"`
}

type cacheEntryJSON struct {
	Digest       string    `json:"digest"`
	Bytes        int64     `json:"bytes"`
	Used         time.Time `json:"used"`
	MediaType    string    `json:"mediaType,omitempty"` // of manifests
	Repositories []string  `json:"repositories,omitempty"`
	Locked       bool      `json:"locked"`
}

func newCacheList(s Streams) *cobra.Command {
	var flags packageCacheFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what is in the cache of packages",
		Long: `List prints the content in the cache of packages: digest, size, when it was last
used, whether the lock file has it, and of manifests where they come from.`,
		Args: takes(0, 0, "no argument"),
	}
	flags.register(cmd)
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.open(s)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // it was only read
		entries, err := c.List(cmd.Context())
		if err != nil {
			return fmt.Errorf("list the cache of packages: %w", err)
		}
		list := cacheListJSON{Folder: c.Dir(), Content: []cacheEntryJSON{}}
		for _, e := range entries {
			list.Bytes += e.Bytes
			list.Content = append(list.Content, cacheEntryJSON{e.Digest, e.Bytes, e.Used.UTC().Truncate(time.Second), e.MediaType, e.Repositories, e.Pinned})
		}
		if out.json() {
			return writeJSON(s.Out, list)
		}
		return writeCacheList(s, list)
	}
	return cmd
}

func writeCacheList(s Streams, list cacheListJSON) error {
	if len(list.Content) == 0 {
		say(s, "there are no packages in %s", list.Folder)
		return nil
	}
	rows := [][]string{{"DIGEST", "BYTES", "USED", "LOCKED", "MANIFEST OF"}}
	for _, e := range list.Content {
		locked := ""
		if e.Locked {
			locked = "yes"
		}
		of := strings.Join(e.Repositories, " ")
		if of == "" {
			of = e.MediaType
		}
		rows = append(rows, []string{e.Digest, fmt.Sprint(e.Bytes), e.Used.Local().Format(time.DateTime), locked, oneLine(of, 120)})
	}
	return writeTable(s.Out, rows)
}

// cachePruneJSON is the output of cache prune.
type cachePruneJSON struct {
	Removed []string `json:"removed"` // digests
	Partial int      `json:"partial"` // fetches that were given up
	Freed   int64    `json:"freed"`   // bytes
	Left    int64    `json:"left"`    // bytes
}

func newCachePrune(s Streams) *cobra.Command {
	var flags packageCacheFlags
	var size config.Size
	var unused config.Duration
	var all bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Drop packages that were not used for long",
		Long: `Prune drops the packages that were not used for the longest time, down to the size
of the cache (cache.size in the configuration, 2GiB by default) or the one that is
given, and what was fetched in part. What the lock file has stays, and so does what
another process is using.`,
		Example: `  mcpwasm cache prune --size 500MB
  mcpwasm cache prune --unused 720h
  mcpwasm cache prune --all`,
		Args: takes(0, 0, "no argument"),
	}
	flags.register(cmd)
	cmd.Flags().Var(&size, "size", "size that is left at most")
	cmd.Flags().Var(&unused, "unused", "drop whatever was not used for so long")
	cmd.Flags().BoolVar(&all, "all", false, "drop all that the lock file does not have")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o := cache.PruneOptions{MaxBytes: int64(size), Unused: unused.Duration()}
		if all {
			if cmd.Flags().Changed("size") || cmd.Flags().Changed("unused") {
				return usage("leave one of them out", "cache prune: --all drops everything, --size and --unused do not")
			}
			o.MaxBytes = -1
		}
		c, err := flags.open(s)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // nothing is kept open
		p, err := c.Prune(cmd.Context(), o)
		if err != nil {
			return fmt.Errorf("prune the cache of packages: %w", err)
		}
		if out.json() {
			slices.Sort(p.Removed)
			return writeJSON(s.Out, cachePruneJSON{append([]string{}, p.Removed...), p.Partial, p.Freed, p.Left})
		}
		say(s, "dropped %d pieces of content and %d that were fetched in part, %d bytes; %d bytes are left",
			len(p.Removed), p.Partial, p.Freed, p.Left)
		return nil
	}
	return cmd
}

// cacheVerifyJSON is the output of cache verify.
type cacheVerifyJSON struct {
	Files   int               `json:"files"`
	Bytes   int64             `json:"bytes"`
	Damaged []cacheDamageJSON `json:"damaged"`
}

type cacheDamageJSON struct {
	File    string `json:"file"` // within the folder
	Problem string `json:"problem"`
	Removed bool   `json:"removed"`
}

func newCacheVerify(s Streams) *cobra.Command {
	var flags packageCacheFlags
	var remove bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Hash all packages in the cache",
		Long: `Verify hashes everything in the cache of packages, and says what is not what it was.
That is never used, whether it is found here or when somebody wants it.`,
		Args: takes(0, 0, "no argument"),
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&remove, "remove", false, "remove what is damaged, to be fetched again")
	out := newOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := flags.open(s)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }() // nothing is kept open
		v, err := c.Verify(cmd.Context(), remove)
		if err != nil {
			return fmt.Errorf("verify the cache of packages: %w", err)
		}
		if err := writeCacheVerify(s, out, v); err != nil {
			return err
		}
		if slices.ContainsFunc(v.Damaged, func(d cache.Damage) bool { return !d.Removed }) {
			return &failure{ExitInput, errors.New("the cache of packages is damaged"), "mcpwasm cache verify --remove removes what is damaged, to be fetched again"}
		}
		return nil
	}
	return cmd
}

func writeCacheVerify(s Streams, out *output, v cache.Verified) error {
	if out.json() {
		o := cacheVerifyJSON{v.Files, v.Bytes, []cacheDamageJSON{}}
		for _, d := range v.Damaged {
			o.Damaged = append(o.Damaged, cacheDamageJSON(d))
		}
		return writeJSON(s.Out, o)
	}
	for _, d := range v.Damaged {
		end := ""
		if d.Removed {
			end = " (removed)"
		}
		if _, err := fmt.Fprintln(s.Out, printable(d.File+": "+d.Problem+end)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	say(s, "%d files of %d bytes, %d of them damaged", v.Files, v.Bytes, len(v.Damaged))
	return nil
}
