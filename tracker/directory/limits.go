package directory

// limits bound what a Directory takes in memory.
type limits struct {
	sessions   int
	friendKeys int // of everybody's lists together
	past       int // people who have left, whose friends may see when
	kept       int // whom each pace remembers
	letters    int // that wait
	accounts   int // that may come; 0 for any number
}

// defaultMemory is far more than a service takes that is not attacked.
const defaultMemory = 1 << 30

// What things take at most, in bytes, with what the language adds.
const (
	sessionBytes   = 4 << 10
	friendKeyBytes = 40
	pastBytes      = 400
	keptBytes      = 200
	letterBytes    = 8 << 10
	accountBytes   = 4 << 10
	headBytes      = 400 // of a letter that lies elsewhere
)

// limitsOf divides the memory: a quarter each for sessions and for lists of friends, an eighth each for
// letters and accounts, the rest for the others.
func limitsOf(memory int64, volatile bool) limits {
	if memory <= 0 {
		memory = defaultMemory
	}
	l := limits{
		sessions: share(memory/4, sessionBytes, 1<<17), friendKeys: share(memory/4, friendKeyBytes, 1<<24),
		past: share(memory/16, pastBytes, 1<<16), kept: share(memory/16, numPaces*keptBytes, 1<<16),
		letters: share(memory/8, headBytes, 1<<15), // at most 200 MB in the ledger
	}
	if volatile {
		l.letters = share(memory/8, letterBytes, 1<<15)
		l.accounts = share(memory/8, accountBytes, 1<<30)
	}
	return l
}

func share(memory int64, each, most int) int {
	return max(16, int(min(memory/int64(each), int64(most))))
}
