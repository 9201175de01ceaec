package terminal

import "context"

func runPlain(ctx context.Context, o Options) error {
	follow(ctx, o.Client, func(any) {})
	return nil
}

func runScreen(ctx context.Context, o Options) error { return runPlain(ctx, o) }
