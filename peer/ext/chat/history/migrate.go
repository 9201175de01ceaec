package history

import (
	"context"
	_ "embed" // the schema
	"fmt"
)

//go:embed schema/1.sql
var schema1 string

//go:embed schema/2.sql
var schema2 string

//go:embed schema/3.sql
var schema3 string

//go:embed schema/4.sql
var schema4 string

//go:embed schema/5.sql
var schema5 string

//go:embed schema/6.sql
var schema6 string

//go:embed schema/7.sql
var schema7 string

//go:embed schema/8.sql
var schema8 string

//go:embed schema/9.sql
var schema9 string

//go:embed schema/words.sql
var schemaWords string

// migrations bring an archive from each version to the next; the first makes it. What has been released is
// not changed any more. A change of terms, or of what a body says, needs one too, which makes the index anew, and another purpose of the sealed one (sealedWords).
var migrations = []string{
	schema1 + schemaWords,
	schema2,
	schema3 + schemaWords,
	schema4,
	schema5,
	schema6,
	schema7 + schemaWords + schema4,
	schema8,
	schema9,
}

// applicationID tells an archive from other SQLite files: "p2ph".
const applicationID = 0x70327068

// migrate brings the archive to the last version, in one transaction. It touches nothing that is no
// archive.
func (w *writer) migrate(steps []string) error {
	version, err := w.version()
	if err != nil {
		return err
	}
	if version > len(steps) {
		return fmt.Errorf("%w: it is of version %d, not %d", ErrNewer, version, len(steps))
	}
	if err := w.exec("PRAGMA journal_mode=WAL"); err != nil || version == len(steps) {
		return err
	}
	ctx := context.Background()
	return w.transaction(true, func() error {
		for i, step := range steps[version:] {
			if _, err := w.conn.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("bring it to version %d: %w", version+i+1, err)
			}
		}
		_, err := w.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d", applicationID, len(steps)))
		return err
	}, nil)
}

// version returns how many migrations the archive has seen: 0 for a file that is empty.
func (w *writer) version() (int, error) {
	var version, application, tables int
	row := w.conn.QueryRowContext(context.Background(),
		"SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)")
	if err := row.Scan(&version, &application, &tables); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	empty := version == 0 && application == 0 && tables == 0
	if !empty && (application != applicationID || version < 1) {
		return 0, ErrForeign
	}
	return version, nil
}
