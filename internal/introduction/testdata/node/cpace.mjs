// CPACE-RISTR255-SHA512, initiator/responder mode, written from the text of draft-irtf-cfrg-cpace-21 (whose sections are
// named below) and not from Earshot's Go, over @noble/curves' ristretto255 and Node's SHA-512. For tests: a scalar can be
// given, and nothing here is constant time.
//
// Reads one JSON object a line and answers each with a line, all bytes in hexadecimal. A list of strings stands for its lv_cat.
//
//   {"prs", "ci", "sid", "y"?}                      begins a run                                   → {"share"}
//   {"role", "ad", "theirShare", "theirAD"}         ends it; role is "initiator" or "responder"    → {"isk", "tag", "theirTag"}
//                                                   if the draft says to abort                     → {"abort": true}
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { RistrettoPoint } from '@noble/curves/ed25519.js';

const ascii = (s) => Buffer.from(s, 'ascii');
const cat = (...parts) => Buffer.concat(parts);

// "Group environment G" for ristretto255 ("CPace group objects G_Ristretto255 and G_Decaf448"), and "Hash function H".
const DSI = ascii('CPaceRistretto255');
const GROUP_SIZE_BITS = 252n;
const I = Buffer.alloc(32); // the encoding of the neutral element
const S_IN_BYTES = 128;
const hash = (m) => createHash('sha512').update(m).digest();

// "Notation for string operations": LEB128, seven bits a byte, the least significant first.
function prependLen(s) {
  const length = [];
  let n = s.length;
  do {
    const low = n % 128;
    n = Math.floor(n / 128);
    length.push(n > 0 ? low + 128 : low);
  } while (n > 0);
  return cat(Buffer.from(length), s);
}

const lvCat = (...strings) => cat(...strings.map(prependLen));

// In the initiator-responder setting the transcript is transcript_ir.
const transcript = (Ya, ADa, Yb, ADb) => cat(lvCat(Ya, ADa), lvCat(Yb, ADb));

// "Common function for computing generators".
function generatorString(PRS, CI, sid) {
  const lenZpad = Math.max(0, S_IN_BYTES - prependLen(PRS).length - prependLen(DSI).length - 1);
  return lvCat(DSI, PRS, Buffer.alloc(lenZpad), CI, sid);
}

// G.calculate_generator: RFC 9496's element derivation of 64 bytes.
const calculateGenerator = (PRS, CI, sid) => RistrettoPoint.hashToCurve(hash(generatorString(PRS, CI, sid)));

// RFC 9496 writes scalars with the least significant byte first.
const littleEndian = (bytes) => BigInt('0x' + Buffer.from(bytes).reverse().toString('hex'));

const sampleScalar = () => littleEndian(randomBytes(32)) % (1n << GROUP_SIZE_BITS);

const scalarMult = (y, g) => Buffer.from(g.multiply(y).toBytes());

// G.scalar_mult_vfy: takes what came from outside.
function scalarMultVfy(y, X) {
  let decoded;
  try {
    decoded = RistrettoPoint.fromBytes(Uint8Array.from(X));
  } catch {
    return I;
  }
  return scalarMult(y, decoded);
}

let run; // what has begun and not ended; its scalar is used once

// "CPace protocol instructions", the first half: the same for A and B.
function begin({ prs, ci, sid, y }) {
  const scalar = y === undefined ? sampleScalar() : littleEndian(bytes(y));
  const share = scalarMult(scalar, calculateGenerator(bytes(prs), bytes(ci), bytes(sid)));
  run = { sid: bytes(sid), scalar, share };
  return { share: share.toString('hex') };
}

// The second half, and "Key confirmation".
function end({ role, ad, theirShare, theirAD }) {
  const { sid, scalar, share } = run;
  run = undefined;
  const mine = [share, bytes(ad)];
  const theirs = [bytes(theirShare), bytes(theirAD)];
  const K = scalarMultVfy(scalar, theirs[0]);
  if (K.equals(I)) return { abort: true };
  const sent = role === 'initiator' ? [...mine, ...theirs] : [...theirs, ...mine];
  const isk = hash(cat(lvCat(cat(DSI, ascii('_ISK')), sid, K), transcript(...sent)));
  const macKey = hash(cat(ascii('CPaceMac'), sid, isk));
  const tag = (message) => createHmac('sha512', macKey).update(lvCat(...message)).digest('hex');
  return { isk: isk.toString('hex'), tag: tag(mine), theirTag: tag(theirs) };
}

const bytes = (value) => (Array.isArray(value) ? lvCat(...value.map(bytes)) : Buffer.from(value, 'hex'));

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  process.stdout.write(JSON.stringify(request.role === undefined ? begin(request) : end(request)) + '\n');
}
