// Package introduction makes two daemons that share nothing but a short code into two that share keys, through a
// matchmaker that neither trusts. It is pure: randomness is passed in, and there is no clock, no I/O, no goroutine.
// Its callers carry the messages, bound the time (IntroductionTime and DecisionTime say how long to wait) and count the
// wrong guesses with Guesses. Only the daemon calls it; peer is given the sealed box to put its descriptions in.
//
// It promises: nobody without the secret gets past "prove", and a try is seen and counted by the host; nobody who
// relays the messages can read, change, replay, reflect or reorder anything without ending the introduction; the host's
// human decides before any address leaves either side; and the six digits that both humans see differ if anyone stands
// between them, be it someone who knows the code.
//
//	guest (CPace initiator)                                host (CPace responder)
//	                          ←  greet    nonceH(16)
//	share   kind, nonceG(16), Ya, ADa     →
//	                          ←  reply    Yb, ADb
//	prove   Ta                →                            wrong: ErrWrongCode, the only thing that is a guess
//	                          ←  confirm  Tb
//	--------------------- from here on sealed: AES-256-GCM, one key for each direction ---------------------
//	hello   name, client, role, extra, SHA-256(nA)  →
//	                          ←  welcome  nB, name, session key (Ed25519), extra, signature
//	reveal  nA                →
//	                 both show Check(): six digits of HMAC(check key, nA, nB); the host's human says yes or no
//	                          ←  admitted payload   |   refused payload
//	then either way: Seal(kind, payload) → Open
//
// The PAKE is CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace-21, initiator/responder mode, explicit key confirmation:
//
//	sid = nonceH ‖ nonceG                   CI  = lv_cat("earshot/1", "guest", "host", kind, room)
//	PRS = the secret                        ADa = lv_cat(guest's versions, hint)   ADb = lv_cat(host's versions, chosen)
//	keys = HKDF-SHA-512(ISK, salt = sid, info = "earshot/1 " + {g2h, h2g, bind, check, resume, link g2h, link h2g})
//	sealed = type ‖ AES-256-GCM(key of the direction, nonce = 96-bit counter, AAD = lv_cat(direction, sid, type))
//
// The counter is not sent, so a gap, a repeat, a reflection and a changed byte all are a tag that does not fit, and that
// ends the introduction.
//
// The guest proves first, and the host sends nothing that depends on its secret's key before that: one who guesses learns
// one bit for each guess, and not without the host counting it. What breaks off is no guess, since Ya and Yb alone test
// nothing. A matchmaker can pose as the host towards a guest, one guess for each time that a person types the code: a
// caller must not try again by itself after ErrWrongCode.
//
// nA is committed to before nB is known. Without that, someone in the middle who knows the code could choose its values
// until both sides' digits agree, a million tries and about a minute; with it there is one try.
//
// The certificates of the direct connection are no part of the digits: they are made later, and Binding ties them to
// these keys in the first message on the channel.
package introduction
