import * as vscode from "vscode";
import { clean } from "../core/clean";
import { Failure } from "../rpc";

/** Shows one sentence. */
export function say(sentence: string): void {
  vscode.window.showInformationMessage(`Earshot: ${clean(sentence)}`);
}

export function warn(sentence: string): void {
  vscode.window.showWarningMessage(`Earshot: ${clean(sentence)}`);
}

/** Shows an error, which the daemon has put into one sentence. */
export function fail(error: unknown): void {
  const sentence = error instanceof Error ? error.message : String(error);
  vscode.window.showErrorMessage(`Earshot: ${clean(sentence)}`);
}

/** The kind of a daemon's error answer. */
export function kindOf(error: unknown): string | undefined {
  return error instanceof Failure ? error.data?.kind : undefined;
}
