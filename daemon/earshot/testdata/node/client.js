// A stock LSP client on vscode-jsonrpc: knows nothing of Earshot, types at one end of a document, applies the edits it is
// asked for, and ends when the other's text has arrived.
//
//   node client.js EARSHOT URI FILE|- start|end OWN OTHER [FLAG…]
//
// runs `EARSHOT attach FLAG…`, opens URI with FILE's text (- asks the server for it), types OWN character by character at
// the start or the end, waits until the text holds OTHER, and prints the text.
'use strict';
const { spawn } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { createMessageConnection, StreamMessageReader, StreamMessageWriter } = require('vscode-jsonrpc/node');

const [earshot, uri, file, where, own, other, ...flags] = process.argv.slice(2);
const server = spawn(earshot, ['attach', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
server.on('error', (err) => fail(`${earshot}: ${err.message}`));
server.on('exit', (code) => code === 0 || fail(`attach ended with ${code}`));
const connection = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));

let text = '';
let version = 1;
let arrived;
const otherArrived = new Promise((resolve) => { arrived = resolve; });

function fail(sentence) {
  process.stderr.write(sentence + '\n');
  process.exit(1);
}

// Positions count UTF-16 units, as JavaScript's strings do.
function offset({ line, character }) {
  let at = 0;
  for (let i = 0; i < line; i++) at = text.indexOf('\n', at) + 1;
  const end = text.indexOf('\n', at);
  return Math.min(at + character, end < 0 ? text.length : end);
}

function position(at) {
  const before = text.slice(0, at);
  return { line: before.split('\n').length - 1, character: at - (before.lastIndexOf('\n') + 1) };
}

function change(from, to, insert) {
  const range = { start: position(from), end: position(to) };
  text = text.slice(0, from) + insert + text.slice(to);
  version++;
  if (text.includes(other)) arrived();
  return connection.sendNotification('textDocument/didChange', {
    textDocument: { uri, version },
    contentChanges: [{ range, text: insert }],
  });
}

connection.onRequest('workspace/applyEdit', async ({ edit }) => {
  const [{ textDocument, edits }] = edit.documentChanges;
  if (textDocument.uri !== uri || (textDocument.version !== null && textDocument.version !== version)) {
    return { applied: false };
  }
  const places = edits.map((e) => [offset(e.range.start), offset(e.range.end), e.newText]);
  for (const [from, to, insert] of places.sort((a, b) => b[0] - a[0])) await change(from, to, insert);
  return { applied: true };
});
connection.onRequest('window/showMessageRequest', () => null);
connection.onNotification('window/showMessage', ({ message }) => process.stderr.write(`message: ${message}\n`));

async function main() {
  connection.listen();
  await connection.sendRequest('initialize', {
    processId: process.pid, rootUri: null, clientInfo: { name: 'stock' },
    capabilities: { workspace: { applyEdit: true, workspaceEdit: { documentChanges: true } } },
  });
  await connection.sendNotification('initialized', {});
  text = file === '-'
    ? (await connection.sendRequest('workspace/textDocumentContent', { uri })).text
    : readFileSync(file, 'utf8');
  await connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'plaintext', version, text },
  });
  let typed = 0;
  for (const letter of own) {
    const at = where === 'start' ? typed : text.length;
    await change(at, at, letter);
    typed += letter.length;
    await new Promise(setImmediate); // what has arrived is handled between two letters
  }
  if (text.includes(other)) arrived();
  await otherArrived;
  await connection.sendRequest('shutdown');
  process.stdout.write(text);
  await connection.sendNotification('exit');
}

main().catch((err) => fail(err.stack));
