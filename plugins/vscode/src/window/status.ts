import * as vscode from "vscode";
import { summarize } from "../core/summary";
import type { Session } from "../protocol";

/** Status is the item in the status bar: who is here, by which path, how far away; it is there while a session is. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("earshot.status", vscode.StatusBarAlignment.Left, 0);

  constructor() {
    this.item.name = "Earshot";
  }

  show(sessions: readonly Session[], connected: boolean, knocking: number): void {
    const summary = summarize(sessions, connected, knocking);
    if (summary === undefined) {
      this.item.hide();
      return;
    }
    this.item.text = summary.text;
    this.item.tooltip = summary.tooltip;
    this.item.command = summary.urgent ? "earshot.admit" : "earshot.members";
    this.item.backgroundColor = summary.urgent ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.show();
  }

  dispose(): void {
    this.item.dispose();
  }
}
