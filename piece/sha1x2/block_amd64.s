#include "textflag.h"

// SHA-1 of two streams at once by the SHA extensions. A stream alone waits for the result of each SHA1RNDS4 before it can
// begin the next; the other's fill these cycles.
//
//	          a    b
//	A..D      X0   X7    the state
//	E         X1   X8    of every second four rounds; X2 and X9 of the others
//	W         X3.. X10.. the last sixteen words of the message, four in a register
//
// X14 turns the bytes of each word around.

// FOUR does four rounds: of function k, on the words wa and wb. E is in ea and eb, and the next in fa and fb.
#define FOUR(k, ea, fa, wa, eb, fb, wb) \
	SHA1NEXTE wa, ea      \
	SHA1NEXTE wb, eb      \
	MOVO      X0, fa      \
	MOVO      X7, fb      \
	SHA1RNDS4 $k, ea, X0  \
	SHA1RNDS4 $k, eb, X7

// MIX1 and MIX2 are the parts of the message schedule that the newest words w take part in: a begins and goes on with older
// ones, b ends with the next.
#define MIX1(w, w2, w1) \
	SHA1MSG1 w, w1 \
	PXOR     w, w2

#define MIX2(w, next) SHA1MSG2 w, next

// LOAD reads four words of both messages.
#define LOAD(at, wa, wb) \
	MOVOU  at(SI), wa \
	MOVOU  at(DI), wb \
	PSHUFB X14, wa    \
	PSHUFB X14, wb

// QUADn is four rounds with all of the schedule, for a number of rounds/4 that is n modulo 4.
#define QUAD(k, ea, fa, wa, na, wa2, wa1, eb, fb, wb, nb, wb2, wb1) \
	MIX2(wa, na)                     \
	MIX2(wb, nb)                     \
	FOUR(k, ea, fa, wa, eb, fb, wb)  \
	MIX1(wa, wa2, wa1)               \
	MIX1(wb, wb2, wb1)

#define QUAD0(k) QUAD(k, X1, X2, X3, X4, X5, X6, X8, X9, X10, X11, X12, X13)
#define QUAD1(k) QUAD(k, X2, X1, X4, X5, X6, X3, X9, X8, X11, X12, X13, X10)
#define QUAD2(k) QUAD(k, X1, X2, X5, X6, X3, X4, X8, X9, X12, X13, X10, X11)
#define QUAD3(k) QUAD(k, X2, X1, X6, X3, X4, X5, X9, X8, X13, X10, X11, X12)

// func blocks(a, b *[5]uint32, p, q *byte, n int)
TEXT ·blocks(SB), NOSPLIT, $64-40
	MOVQ   a+0(FP), R8
	MOVQ   b+8(FP), R9
	MOVQ   p+16(FP), SI
	MOVQ   q+24(FP), DI
	MOVQ   n+32(FP), CX
	MOVOU  turn<>(SB), X14
	MOVOU  (R8), X0
	MOVOU  (R9), X7
	PSHUFD $0x1b, X0, X0
	PSHUFD $0x1b, X7, X7
	PXOR   X1, X1
	PXOR   X8, X8
	PINSRD $3, 16(R8), X1
	PINSRD $3, 16(R9), X8

loop:
	MOVOU X0, 0(SP)
	MOVOU X1, 16(SP)
	MOVOU X7, 32(SP)
	MOVOU X8, 48(SP)

	// Rounds 0 to 15, whose words are the message's.
	LOAD(0, X3, X10)
	PADDD     X3, X1
	PADDD     X10, X8
	MOVO      X0, X2
	MOVO      X7, X9
	SHA1RNDS4 $0, X1, X0
	SHA1RNDS4 $0, X8, X7

	LOAD(16, X4, X11)
	FOUR(0, X2, X1, X4, X9, X8, X11)
	SHA1MSG1 X4, X3
	SHA1MSG1 X11, X10

	LOAD(32, X5, X12)
	FOUR(0, X1, X2, X5, X8, X9, X12)
	MIX1(X5, X3, X4)
	MIX1(X12, X10, X11)

	LOAD(48, X6, X13)
	QUAD3(0)

	QUAD0(0)
	QUAD1(1)
	QUAD2(1)
	QUAD3(1)
	QUAD0(1)
	QUAD1(1)
	QUAD2(2)
	QUAD3(2)
	QUAD0(2)
	QUAD1(2)
	QUAD2(2)
	QUAD3(3)
	QUAD0(3)

	// Rounds 68 to 79: the schedule ends.
	MIX2(X4, X5)
	MIX2(X11, X12)
	FOUR(3, X2, X1, X4, X9, X8, X11)
	PXOR X4, X6
	PXOR X11, X13
	MIX2(X5, X6)
	MIX2(X12, X13)
	FOUR(3, X1, X2, X5, X8, X9, X12)
	FOUR(3, X2, X1, X6, X9, X8, X13)

	MOVOU     0(SP), X3
	MOVOU     16(SP), X4
	MOVOU     32(SP), X10
	MOVOU     48(SP), X11
	SHA1NEXTE X4, X1
	SHA1NEXTE X11, X8
	PADDD     X3, X0
	PADDD     X10, X7

	ADDQ $64, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  loop

	PSHUFD $0x1b, X0, X0
	PSHUFD $0x1b, X7, X7
	MOVOU  X0, (R8)
	MOVOU  X7, (R9)
	PEXTRD $3, X1, 16(R8)
	PEXTRD $3, X8, 16(R9)
	RET

DATA turn<>+0(SB)/8, $0x08090a0b0c0d0e0f
DATA turn<>+8(SB)/8, $0x0001020304050607
GLOBL turn<>(SB), RODATA|NOPTR, $16
