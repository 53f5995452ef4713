// A person with a stock LSP client shares a file, lets somebody in, sees them, and ends the session, by LSP alone.
//
//   node host.js EARSHOT FOLDER FILE [mute]
//
// opens FILE of FOLDER, shares it by code action, says yes to who wants to come in (mute: can't be asked, as Helix, and says yes by
// code action), types 'typed by the host', and prints a line for each thing that it sees. It leaves when the guest has.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { ErrorCodes, ResponseError } = require('vscode-jsonrpc/node');
const { Editor, fail } = require('./editor.js');

const [earshot, folder, file, mute] = process.argv.slice(2);
const uri = pathToFileURL(join(folder, file)).href;
const editor = new Editor(earshot, []);
const messages = [];
let hints = [];
let commands = [];

const say = (line) => process.stdout.write(line + '\n');

editor.connection.onNotification('window/showMessage', ({ message }) => {
  messages.push(message);
  say(`message: ${message}`);
  editor.look();
});
editor.connection.onNotification('textDocument/publishDiagnostics', (published) => {
  if (published.uri !== uri) fail(`diagnostics of ${published.uri}`);
  hints = published.diagnostics;
  say(`hints: ${hints.map((d) => `${d.range.start.line} ${d.severity} ${d.source} ${d.message}`).join(', ')}`);
  editor.look();
});
editor.connection.onRequest('window/showMessageRequest', ({ message, actions }) => {
  if (mute) return new ResponseError(ErrorCodes.MethodNotFound, 'unhandled');
  say(`asked: ${message}`);
  return actions.find(({ title }) => title === 'Allow editing') ?? null;
});

async function actions() {
  return editor.connection.sendRequest('textDocument/codeAction', {
    textDocument: { uri }, range: { start: editor.position(0), end: editor.position(0) }, context: { diagnostics: hints },
  });
}

// choose runs a code action as an editor does: its command, if the server has announced that, with its arguments as they came.
async function choose(pattern) {
  const found = (await actions()).find(({ title }) => pattern.test(title));
  if (!found) fail(`no code action ${pattern} among ${JSON.stringify((await actions()).map(({ title }) => title))}`);
  return run(found.command, found.arguments);
}

async function run(command, args) {
  if (!commands.includes(command)) fail(`${command} is not among ${commands}`);
  const { message } = await editor.connection.sendRequest('workspace/executeCommand', { command, arguments: args });
  return message;
}

async function main() {
  const { capabilities } = await editor.start({
    rootUri: pathToFileURL(folder).href,
    capabilities: {
      workspace: { applyEdit: true, workspaceEdit: { documentChanges: true }, executeCommand: {} },
      textDocument: { publishDiagnostics: {}, codeAction: {} },
    },
  });
  if (capabilities.codeActionProvider !== true) fail('no code actions');
  commands = capabilities.executeCommandProvider.commands;
  await editor.open(uri, readFileSync(join(folder, file), 'utf8'));
  const [, code] = (await choose(/: Share notes\.md$/)).match(/code ([0-9A-Z]{4}-[0-9A-Z]{6})/);
  say(`code ${code}`);
  if (mute) {
    await editor.until(() => messages.some((m) => /waits to join as editor/.test(m)));
    await choose(/: Let Ben \(check number \d{6}\) edit$/);
  }
  await editor.until(() => messages.includes('Ben came in as editor.'));
  await editor.until(() => hints.length > 0);
  await editor.change(0, 0, 'typed by the host\n');
  await editor.until(() => editor.text.includes('hello from the guest'));
  say(`members: ${await run('earshot.members')}`);
  await editor.until(() => hints.length === 0);
  await editor.until(() => messages.includes('Ben left.'));
  say(`end: ${await choose(/: End the session for all$/)}`);
  say(`text: ${JSON.stringify(editor.text)}`);
  await editor.end();
}

main().catch((err) => fail(err.stack));
