package ledger

import "context"

// Late returns the bucket of that name in l without opening it: each call does,
// and fails as long as that fails. So a tracker starts, and answers, while its
// ledger cannot be reached.
func Late(l Ledger, name string) Bucket { return late{l, name} }

type late struct {
	ledger Ledger // which remembers the buckets that it has opened
	name   string
}

func (b late) Get(ctx context.Context, key string) (Entry, error) {
	bucket, err := b.ledger.Bucket(ctx, b.name)
	if err != nil {
		return Entry{}, err
	}
	return bucket.Get(ctx, key)
}

func (b late) Create(ctx context.Context, key string, value []byte) (Revision, error) {
	bucket, err := b.ledger.Bucket(ctx, b.name)
	if err != nil {
		return 0, err
	}
	return bucket.Create(ctx, key, value)
}

func (b late) Update(ctx context.Context, key string, value []byte, was Revision) (Revision, error) {
	bucket, err := b.ledger.Bucket(ctx, b.name)
	if err != nil {
		return 0, err
	}
	return bucket.Update(ctx, key, value, was)
}

func (b late) Delete(ctx context.Context, key string, was Revision) error {
	bucket, err := b.ledger.Bucket(ctx, b.name)
	if err != nil {
		return err
	}
	return bucket.Delete(ctx, key, was)
}

// Watch implements Bucket. A context that ended while the bucket was being opened
// is no error.
func (b late) Watch(ctx context.Context, tell func(Change)) error {
	bucket, err := b.ledger.Bucket(ctx, b.name)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return bucket.Watch(ctx, tell)
}
