/** As much of VS Code's API as the tests of src/window need; what it does by itself is tested in VS Code (e2e). */

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
  isEqual({ line, character }: Position): boolean {
    return line === this.line && character === this.character;
  }
}

export class Range {
  readonly start: Position;
  readonly end: Position;
  constructor(...at: [Position, Position] | [number, number, number, number]) {
    [this.start, this.end] = at.length === 2 ? at : [new Position(at[0], at[1]), new Position(at[2], at[3])];
  }
  get isEmpty(): boolean {
    return this.start.isEqual(this.end);
  }
}

export class TextEdit {
  constructor(
    readonly range: Range,
    readonly newText: string,
  ) {}
}

export class WorkspaceEdit {
  readonly edits: TextEdit[] = [];
  set(_: unknown, edits: TextEdit[]): void {
    this.edits.push(...edits);
  }
}

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly authority: string,
    readonly path: string,
  ) {}
  static parse(text: string): Uri {
    const [, scheme = "", authority = "", path = ""] = /^(\w+):(?:\/\/([^/]*))?(.*)$/.exec(text) ?? [];
    return new Uri(scheme, authority, path);
  }
  static joinPath(base: Uri, path: string): Uri {
    return base.with({ path: base.path + path });
  }
  with({ path }: { path: string }): Uri {
    return new Uri(this.scheme, this.authority, path);
  }
  get fsPath(): string {
    return this.path;
  }
  toString(): string {
    return `${this.scheme}://${this.authority}${this.path}`;
  }
}

export class Disposable {
  constructor(readonly dispose: () => void) {}
  static from(...all: Disposable[]): Disposable {
    return new Disposable(() => {
      for (const one of all) one.dispose();
    });
  }
}

export class EventEmitter<T> {
  private readonly listeners = new Set<(value: T) => void>();
  readonly event = (listener: (value: T) => void) => {
    this.listeners.add(listener);
    return new Disposable(() => this.listeners.delete(listener));
  };
  fire(value: T): void {
    for (const listener of this.listeners) listener(value);
  }
}

export class FileSystemError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
  static readonly FileNotFound = (uri: Uri) => new FileSystemError("FileNotFound", uri.toString());
  static readonly FileExists = (message: string) => new FileSystemError("FileExists", message);
  static readonly NoPermissions = (message: string) => new FileSystemError("NoPermissions", message);
  static readonly Unavailable = (message: string) => new FileSystemError("Unavailable", message);
}

export const FileType = { File: 1, Directory: 2 };
export const FilePermission = { Readonly: 1 };
export const FileChangeType = { Changed: 1, Created: 2, Deleted: 3 };

export class Selection extends Range {
  readonly anchor: Position;
  readonly active: Position;
  readonly isReversed: boolean;
  constructor(...at: [Position, Position] | [number, number, number, number]) {
    const [anchor, active] = at.length === 2 ? at : [new Position(at[0], at[1]), new Position(at[2], at[3])];
    const isReversed =
      active.line < anchor.line || (active.line === anchor.line && active.character < anchor.character);
    const [from, to] = isReversed ? [active, anchor] : [anchor, active];
    super(from.line, from.character, to.line, to.character);
    this.anchor = anchor;
    this.active = active;
    this.isReversed = isReversed;
  }
}

export class MarkdownString {
  value = "";
  appendText(text: string): this {
    this.value += text;
    return this;
  }
}

export const TextEditorSelectionChangeKind = { Keyboard: 1, Mouse: 2, Command: 3 };
export const TextEditorRevealType = { InCenterIfOutsideViewport: 2, AtTop: 3 };
export const DecorationRangeBehavior = { ClosedClosed: 1 };
export const OverviewRulerLane = { Center: 2 };
export const ProgressLocation = { Notification: 15 };
export const StatusBarAlignment = { Left: 1 };

/** Pen stands for a decoration type; `thrown` tells whether it was disposed. */
export class DecorationType {
  thrown = false;
  constructor(readonly style: { borderColor?: string; backgroundColor?: string }) {}
  dispose(): void {
    this.thrown = true;
  }
}

export class TabInputText {
  constructor(readonly uri: Uri) {}
}

export const EndOfLine = { LF: 1, CRLF: 2 };

/** What the tests fire. */
export const events = {
  saved: new EventEmitter<unknown>(),
  opened: new EventEmitter<unknown>(),
  closed: new EventEmitter<unknown>(),
  changed: new EventEmitter<unknown>(),
  selected: new EventEmitter<unknown>(),
  scrolled: new EventEmitter<unknown>(),
  activated: new EventEmitter<unknown>(),
  visible: new EventEmitter<unknown>(),
};

/** What the tests set. */
export const window = {
  visibleTextEditors: [] as unknown[],
  activeTextEditor: undefined as unknown,
  tabGroups: { all: [] as { tabs: unknown[] }[] },
  statusBar: [] as { text: string; shown: boolean }[],
  showWarningMessage: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  showInformationMessage: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  showQuickPick: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  showTextDocument: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  showErrorMessage: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
  /** The tests cancel the last one by `cancels`, and see in `progress` what was reported. */
  cancels: undefined as (() => void) | undefined,
  progress: [] as string[],
  withProgress: (_: unknown, run: (progress: unknown, cancellation: unknown) => Promise<unknown>) =>
    run(
      { report: ({ message }: { message: string }) => window.progress.push(message) },
      {
        onCancellationRequested: (act: () => void) => {
          window.cancels = act;
        },
      },
    ),
  setStatusBarMessage: (..._: unknown[]): void => {},
  createStatusBarItem: () => {
    const item = { text: "", shown: false, show: () => {}, hide: () => {}, dispose: () => {} };
    item.show = () => {
      item.shown = true;
    };
    item.hide = () => {
      item.shown = false;
    };
    window.statusBar.push(item);
    return item;
  },
  createTextEditorDecorationType: (style: { borderColor?: string }) => new DecorationType(style),
  onDidChangeTextEditorSelection: events.selected.event,
  onDidChangeTextEditorVisibleRanges: events.scrolled.event,
  onDidChangeActiveTextEditor: events.activated.event,
  onDidChangeVisibleTextEditors: events.visible.event,
};
export const workspace = {
  textDocuments: [] as unknown[],
  applyEdit: (_: WorkspaceEdit): Promise<boolean> => Promise.resolve(false),
  settings: {} as Record<string, unknown>,
  getConfiguration: () => ({ get: (key: string, otherwise: unknown) => workspace.settings[key] ?? otherwise }),
  onDidSaveTextDocument: events.saved.event,
  onDidOpenTextDocument: events.opened.event,
  onDidCloseTextDocument: events.closed.event,
  onDidChangeTextDocument: events.changed.event,
};
export const commands = {
  executeCommand: (..._: unknown[]): Promise<unknown> => Promise.resolve(undefined),
};
