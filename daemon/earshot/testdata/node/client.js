// A stock LSP client: types at one end of a document, and ends when the other's text has arrived.
//
//   node client.js EARSHOT URI FILE|- start|end OWN OTHER [FLAG…]
//
// runs `EARSHOT attach FLAG…`, opens URI with FILE's text (- asks the server for it), types OWN character by character at
// the start or the end, waits until the text holds OTHER, and prints the text.
'use strict';
const { readFileSync } = require('node:fs');
const { Editor, fail } = require('./editor.js');

const [earshot, uri, file, where, own, other, ...flags] = process.argv.slice(2);
const editor = new Editor(earshot, flags);

async function main() {
  await editor.start({ capabilities: { workspace: { applyEdit: true, workspaceEdit: { documentChanges: true } } } });
  await editor.open(uri, file === '-'
    ? (await editor.connection.sendRequest('workspace/textDocumentContent', { uri })).text
    : readFileSync(file, 'utf8'));
  let typed = 0;
  for (const letter of own) {
    const at = where === 'start' ? typed : editor.text.length;
    await editor.change(at, at, letter);
    typed += letter.length;
    await new Promise(setImmediate); // what has arrived is handled between two letters
  }
  await editor.until(() => editor.text.includes(other));
  process.stdout.write(editor.text);
  await editor.end();
}

main().catch((err) => fail(err.stack));
