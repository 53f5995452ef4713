/**
 * VS Code writes a backup of a text with unsaved changes a second after the last change, and keeps it when it is closed or
 * killed. Where it could not be told that a guest's text is saved (quiet.ts), the backup is removed the moment it appears;
 * nothing is lost, for the host has the text.
 *
 *   desktop      …/Backups/WINDOW/earshot/HASH     beside the folder User, in which extensions keep things
 *   code-server  …/User/Backups/WINDOW/earshot/HASH
 *
 * Where the extension runs on another machine than the window (Remote-SSH), the backups are out of its reach.
 */
import { closeSync, type FSWatcher, openSync, readdirSync, readSync, unlinkSync, watch } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import * as vscode from "vscode";
import { scheme } from "./text";

export class Backups implements vscode.Disposable {
  private readonly parents: string[];
  private readonly watchers = new Map<string, FSWatcher>();
  private readonly subscriptions: vscode.Disposable[];

  /** `storage` is where VS Code has this extension keep things. */
  constructor(storage: vscode.Uri) {
    const user = storage.scheme === "file" ? ancestor(storage.fsPath, "User") : undefined;
    this.parents = user === undefined ? [] : [user, dirname(user)];
    this.subscriptions = [
      vscode.workspace.onDidOpenTextDocument(() => this.guard()),
      vscode.workspace.onDidCloseTextDocument(() => this.guard()),
    ];
    this.sweep();
    this.guard();
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
    this.rest();
    this.sweep();
  }

  /** Watches while a guest's text is open. */
  private guard(): void {
    if (!vscode.workspace.textDocuments.some(({ uri }) => uri.scheme === scheme)) this.rest();
    else if (this.watchers.size === 0) this.look();
  }

  private rest(): void {
    for (const watcher of this.watchers.values()) watcher.close();
    this.watchers.clear();
  }

  /** Removes what is there and watches for more, each folder before it is read, so that nothing comes in between. */
  private look(): void {
    for (const parent of this.parents) {
      this.watch(parent);
      this.watch(join(parent, "Backups"));
    }
    for (const window of this.windows()) {
      this.watch(window);
      this.watch(join(window, scheme));
    }
    this.sweep();
  }

  private watch(folder: string): void {
    if (this.watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        // What has come may be another folder by the same name than the one that is watched.
        if (event === "rename" && name !== null) this.unwatch(join(folder, name));
        this.look();
      });
      watcher.on("error", () => this.unwatch(folder));
      this.watchers.set(folder, watcher);
    } catch {
      // It is not there yet: the folder above tells when it is.
    }
  }

  private unwatch(folder: string): void {
    for (const [path, watcher] of this.watchers) {
      if (path !== folder && !path.startsWith(folder + sep)) continue;
      watcher.close();
      this.watchers.delete(path);
    }
  }

  private sweep(): void {
    for (const folder of this.windows().map((window) => join(window, scheme))) {
      for (const name of namesIn(folder)) remove(join(folder, name));
    }
  }

  private windows(): string[] {
    return this.parents.flatMap((parent) => {
      const backups = join(parent, "Backups");
      return namesIn(backups).map((name) => join(backups, name));
    });
  }
}

/** Removes a file if it is a backup of a guest's text: it begins with the text's URI. */
function remove(file: string): void {
  try {
    const start = Buffer.alloc(scheme.length + 1);
    const handle = openSync(file, "r");
    try {
      readSync(handle, start);
    } finally {
      closeSync(handle);
    }
    if (start.toString() === `${scheme}:`) unlinkSync(file);
  } catch {
    // VS Code, or another window of it, was faster.
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there is none
  }
}

function ancestor(path: string, name: string): string | undefined {
  if (basename(path) === name) return path;
  return dirname(path) === path ? undefined : ancestor(dirname(path), name);
}
