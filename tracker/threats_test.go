package tracker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// threats is what strangers try with a tracker, as others have met it, and the tests
// that show what becomes of it here. A rule of package storetest is named without "Test".
var threats = []struct{ threat, pkg, tests string }{
	// Reflection: the source of a packet is forged, and the answer hits a victim.
	{"packets without a connection id are answered with more than they had", "udpfront",
		"TestUnverifiedTrafficIsNeverAmplified TestNoUnverifiedPacketIsAnsweredWithMoreThanItHad"},
	{"errors for wrong ids reflect too", "udpfront", "TestUnverifiedPacketsGetSilence"},
	{"who has an id makes answers of many datagrams", "udpfront", "TestAnAnswerFitsOneDatagramOfAnyNetwork TestAScrapeOfTooMuchIsCut"},
	{"who has an id asks for any number of peers", "httpfront", "TestAHugeNumwantIsCut"},
	{"the same, whatever the protocol", ".", "TestNumWantIsClamped"},

	// Connection ids that can be known without being asked for.
	{"an id is guessed", "udpfront", "TestRandomIDsAreNotAccepted TestNoIDIsAcceptedThatIsOneBitOff"},
	{"an id is good for ever, or from the future on", "udpfront",
		"TestIDsAreAcceptedForTenMinutesAndNeverFromTheFuture TestAConnectionIDIsGoodForTenMinutesAtLeastAndFifteenAtMost"},
	{"an id is used from elsewhere", "udpfront", "TestAnIDIsOfUseToItsAddressOnly TestAConnectionIDIsBoundToItsAddress"},
	{"an id of another tracker, or of a weak key", "udpfront", "TestTwoTrackersDoNotAcceptEachOthersIDs TestAKeyOfTheWrongLengthIsRefused"},
	{"the key is read in a log", "serve", "TestNoTextOfAClientAndNoKeyIsInTheMetricsOrInALog"},

	// A swarm is aimed at a victim.
	{"the address field of UDP names the victim", "udpfront", "TestTheAddressFieldIsNotBelieved"},
	{"ip= of HTTP names it", "httpfront", "TestTheAddressParameterIsNotBelieved"},
	{"ip= of somebody on the tracker's machine", ".", "TestOnlyALoopbackPeerMayStateItsAddressAndOnlyIfTrusted"},
	{"X-Forwarded-For from anybody, or its first entry", "httpfront", "TestForwardedAddresses"},
	{"addresses to which nobody can connect", ".", "TestAddressesThatNobodyCanReachAreRefused TestMappedAddressesAreIPv4"},

	// Memory is used up.
	{"random info-hashes", "memory", "TestTheBudgetHoldsWhateverIsAnnounced TestAFloodOfNewSwarmsDrivesOutItself"},
	{"all from one network", "memory", "TestOneNetworkCannotFillTheStore"},
	{"scrapes and farewells of random info-hashes", "memory", "TestWhoAsksAndWhoLeavesLeaveNothingBehind"},
	{"info-hashes that collide in the index", "memory", "TestTheIndexRefusesMoreOfOneHashThanFit"},
	{"a flood from one address, or of addresses", "policy",
		"TestAnAddressHasItsBurstAndThenItsRate TestAHostWithAllAddressesOfItsNetworkIsOneAddress TestAFloodOfAddressesDoesNotFreeTheWorst"},
	{"torrents that are none of the operator's", "policy", "TestAllowAndDenyListsAreOpposites TestOnlyWhoHasAPasskeyIsAdmitted"},
	{"a packet, a request, makes the tracker allocate", "udpfront", "TestNoPacketMakesTheHandlerAllocate TestTheLoopDoesNotAllocate"},

	// Peers that are none.
	{"a peer id is a secret that all know: it replaces nobody", "storetest", "APeerIsKnownByAddressAndPort NobodyIsGivenThemselves"},
	{"one address is a thousand peers", "memory", "TestAnAddressHasOnlySoManyPeersInASwarm"},
	{"port 0", "udpfront", "TestPortZeroIsNobody"},
	{"port 0, and all that is no port", "httpwire", "TestBadAnnouncesGetAClearFailure"},
	{"completed, again and again", "storetest", "CompletedIsCountedOncePerPeer"},

	// Parsers.
	{"whatever a datagram may be", "udpfront", "FuzzHandle TestACutAnnounceChangesNothing TestNoOptionsMakeAnAnnounceFail"},
	{"actions that there are not", "udpfront", "TestUnknownActionsOfVerifiedClientsAreErrorsThatDoNotRepeatThem TestVerifiedButBadRequestsGetAClearError"},
	{"whatever a request may be", "httpfront", "FuzzServe FuzzHead TestHostileRequestsAreAnsweredAsByNetHTTP"},
	{"a request without an end", "httpfront", "TestARequestThatIsTooLargeIsRefused"},
	{"info-hashes of other lengths, numbers that are none", "httpwire", "TestBadAnnouncesGetAClearFailure TestBadScrapesGetAClearFailure"},
	{"bencode or HTML in a value, to be found in an answer", "httpwire", "TestFailuresDoNotEchoTheClient"},
	{"the same, on a page or in a log", "httpfront", "TestNoTextOfAClientIsRepeated TestNamesOfNodesAreEscaped"},
	{"the same, as a label of a metric", "serve", "TestNoTextOfAClientAndNoKeyIsInTheMetricsOrInALog"},
	{"trouble that fills the log", "udpfront", "TestTroubleIsLoggedOnceASecond"},

	// Scrapes.
	{"a scrape of everything", "httpwire", "TestBadScrapesGetAClearFailure"},
	{"a scrape without an id", "udpfront", "TestUnverifiedPacketsGetSilence"},

	// Connections.
	{"heads that come slowly, answers that nobody reads", "httpfront", "TestAHeadThatComesSlowlyIsCutOff TestAClientThatReadsNoAnswerIsCutOff"},
	{"connections on which nothing is said", "httpfront", "TestASilentConnectionIsClosed TestAnIdleConnectionMakesRoomForTheNext"},
	{"many from one address", "httpfront", "TestOneAddressHasSoManyConnectionsAndNoMore"},
	{"more than there are files", "httpfront", "TestATrackerThatIsOutOfFilesGoesOnLater"},
	{"handshakes of TLS, which cost most", "httpfront", "TestHandshakesAreFewAndShort TestOneAddressDoesNotTakeAllHandshakes"},

	// Signalling: there is none of WebTorrent's. The directory introduces people.
	{"letters and tickets to anybody", "directory", "TestLettersAreBounded TestSoManyWaitAndOthersAreToldToComeBack"},
	{"a flood of registrations", "directory", "TestAFloodFromOneAddressMeetsALimitAndOthersDoNot TestNamesCannotBeHoarded"},
	{"who speaks for somebody else, or again", "directory", "TestNobodySpeaksForSomebodyElse TestWhatWasRecordedCannotBeUsedAgain"},

	// A cluster.
	{"who is not in the cluster speaks to it", "cluster", "TestWhoDoesNotKnowTheSecretDoesNotJoin TestMessagesThatMakeNoSenseAreCountedAndIgnored"},
}

func TestEveryThreatHasTestsThatExist(t *testing.T) {
	sources := make(map[string]string)
	for _, x := range threats {
		if sources[x.pkg] == "" {
			sources[x.pkg] = testsOf(t, x.pkg)
		}
		for test := range strings.FieldsSeq(x.tests) {
			if !strings.Contains(sources[x.pkg], "\nfunc "+test+"(") && !strings.Contains(sources[x.pkg], "{\""+test+"\", ") {
				t.Errorf("%s: there is no %s in %s", x.threat, test, x.pkg)
			}
		}
	}
}

// testsOf returns the source of the tests of a package below this one.
func testsOf(t *testing.T, pkg string) string {
	t.Helper()
	pattern := "*_test.go"
	if pkg == "storetest" {
		pattern = "*.go"
	}
	names, err := filepath.Glob(filepath.Join(pkg, pattern))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	return all.String()
}
