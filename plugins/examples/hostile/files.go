package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mcpwasm/mcpwasm/plugins/pdk"
)

type paths struct {
	Path string `json:"path"`
	To   string `json:"to,omitempty"`
	Data string `json:"data,omitempty"`
	Size int    `json:"size,omitempty"`
}

// addFiles adds the operations that attacks on mounts are made of.
func addFiles(s *pdk.Server) {
	attack(s, "read", func(_ context.Context, in paths) (string, error) {
		b, err := os.ReadFile(in.Path)
		return string(b), err
	})
	attack(s, "write", func(_ context.Context, in paths) (string, error) {
		return "written", os.WriteFile(in.Path, []byte(in.Data+strings.Repeat("x", in.Size)), 0o600)
	})
	attack(s, "link-read", func(_ context.Context, in paths) (string, error) {
		if err := os.Symlink(in.To, in.Path); err != nil {
			return "", fmt.Errorf("symlink: %w", err)
		}
		b, err := os.ReadFile(in.Path)
		return string(b), err
	})
	attack(s, "hard-link", func(_ context.Context, in paths) (string, error) {
		if err := os.Link(in.To, in.Path); err != nil {
			return "", fmt.Errorf("link: %w", err)
		}
		b, err := os.ReadFile(in.Path)
		return string(b), err
	})
	attack(s, "rename", func(_ context.Context, in paths) (string, error) { return "renamed", os.Rename(in.To, in.Path) })
	attack(s, "race", race)
	attack(s, "many-files", func(_ context.Context, in paths) (string, error) {
		for i := range in.Size {
			if err := os.WriteFile(fmt.Sprintf("%s/%d", in.Path, i), nil, 0o600); err != nil {
				return fmt.Sprintf("made %d", i), err
			}
		}
		return "made all", nil
	})
}

// race exchanges a folder and a link to somewhere else under one name while it
// reads through it.
func race(_ context.Context, in paths) (string, error) {
	real, link, name := in.Path+"/real", in.Path+"/link", in.Path+"/name"
	_ = os.Mkdir(real, 0o700)
	if err := os.WriteFile(real+"/"+in.Data, []byte("mine"), 0o600); err != nil {
		return "", err
	}
	_ = os.Symlink(in.To, link)
	escapes := 0
	for range 300 {
		_ = os.Rename(real, name)
		if b, err := os.ReadFile(name + "/" + in.Data); err == nil && string(b) != "mine" {
			escapes++
		}
		_ = os.Rename(name, real)
		_ = os.Rename(link, name)
		if b, err := os.ReadFile(name + "/" + in.Data); err == nil && string(b) != "mine" {
			escapes++
		}
		_ = os.Rename(name, link)
	}
	return fmt.Sprintf("escaped %d times", escapes), nil
}
