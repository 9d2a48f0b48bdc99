package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpwasm/mcpwasm/cmd/internal/trial"
)

func newRegistry(s Streams) *cobra.Command {
	return family("registry", "Run a registry for trying out", "",
		newRegistryServe(s))
}

func newRegistryServe(s Streams) *cobra.Command {
	var addr, dir string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a registry on this machine",
		Long: `Serve runs a registry for trying out, until it is interrupted. It speaks plain HTTP and
knows no users: whoever reaches it may publish in it. What it holds is in memory, or with --dir
in a folder that has an OCI image layout for each repository.`,
		Args: takes(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return serveRegistry(cmd.Context(), s, addr, dir) },
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:5000", "`ADDRESS` to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&dir, "dir", "", "`FOLDER` that keeps what is published")
	return cmd
}

func serveRegistry(ctx context.Context, s Streams, addr, dir string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usage("--addr localhost:5000", "--addr %q: want host:port", addr)
	}
	if host == "" { // every interface has to be asked for by address
		host = "127.0.0.1"
	}
	handler, err := trial.New(dir)
	if err != nil {
		return &failure{ExitInput, err, ""}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("serve the registry: %w", err)
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return errors.Join(fmt.Errorf("serve the registry: %w", err), l.Close())
	}
	if !at.Addr().Unmap().IsLoopback() {
		say(s, "warning: %s can be reached from other machines, and whoever reaches it may publish in it", at)
	}
	name := at.String()
	if host == "localhost" || host == "127.0.0.1" { // as people name it in references and rules
		name = fmt.Sprintf("localhost:%d", at.Port())
	}
	say(s, "the registry is %s; in mcpwasm.yaml: registries: {%q: {plainHTTP: true}}; or --plain-http %[1]s", name, name)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // it ends the serving below
	defer stop()
	if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the registry: %w", err)
	}
	return nil
}
