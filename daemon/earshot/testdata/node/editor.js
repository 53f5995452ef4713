// A stock LSP client with one buffer, on vscode-jsonrpc: knows nothing of Earshot, applies the edits that it is asked for and
// reports every change.
'use strict';
const { spawn } = require('node:child_process');
const { createMessageConnection, StreamMessageReader, StreamMessageWriter } = require('vscode-jsonrpc/node');

class Editor {
  constructor(earshot, flags) {
    const server = spawn(earshot, ['attach', ...flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    server.on('error', (err) => fail(`${earshot}: ${err.message}`));
    server.on('exit', (code) => code === 0 || fail(`attach ended with ${code}`));
    this.connection = createMessageConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
    this.text = '';
    this.version = 1;
    this.waiting = [];
    this.connection.onRequest('workspace/applyEdit', (params) => this.applyEdit(params));
    this.connection.onRequest('window/showMessageRequest', () => null);
    this.connection.onNotification('window/showMessage', ({ message }) => process.stderr.write(`message: ${message}\n`));
  }

  async start(initialize) {
    this.connection.listen();
    const result = await this.connection.sendRequest('initialize', { processId: process.pid, rootUri: null, clientInfo: { name: 'stock' }, ...initialize });
    await this.connection.sendNotification('initialized', {});
    return result;
  }

  open(uri, text) {
    this.uri = uri;
    this.text = text;
    return this.connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'plaintext', version: this.version, text },
    });
  }

  async end() {
    await this.connection.sendRequest('shutdown');
    await this.connection.sendNotification('exit');
  }

  // until resolves once the condition holds; it is looked at whenever something has come.
  until(condition) {
    return new Promise((resolve) => {
      this.waiting.push({ condition, resolve });
      this.look();
    });
  }

  look() {
    const ready = this.waiting.filter(({ condition }) => condition());
    this.waiting = this.waiting.filter((w) => !ready.includes(w));
    for (const { resolve } of ready) resolve();
  }

  // Positions count UTF-16 units, as JavaScript's strings do.
  offset({ line, character }) {
    let at = 0;
    for (let i = 0; i < line; i++) at = this.text.indexOf('\n', at) + 1;
    const end = this.text.indexOf('\n', at);
    return Math.min(at + character, end < 0 ? this.text.length : end);
  }

  position(at) {
    const before = this.text.slice(0, at);
    return { line: before.split('\n').length - 1, character: at - (before.lastIndexOf('\n') + 1) };
  }

  change(from, to, insert) {
    const range = { start: this.position(from), end: this.position(to) };
    this.text = this.text.slice(0, from) + insert + this.text.slice(to);
    this.version++;
    this.look();
    return this.connection.sendNotification('textDocument/didChange', {
      textDocument: { uri: this.uri, version: this.version },
      contentChanges: [{ range, text: insert }],
    });
  }

  async applyEdit({ edit }) {
    const [{ textDocument, edits }] = edit.documentChanges;
    if (textDocument.uri !== this.uri || (textDocument.version !== null && textDocument.version !== this.version)) {
      return { applied: false };
    }
    const places = edits.map((e) => [this.offset(e.range.start), this.offset(e.range.end), e.newText]);
    for (const [from, to, insert] of places.sort((a, b) => b[0] - a[0])) await this.change(from, to, insert);
    return { applied: true };
  }
}

function fail(sentence) {
  process.stderr.write(sentence + '\n');
  process.exit(1);
}

module.exports = { Editor, fail };
