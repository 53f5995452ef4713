import * as vscode from "vscode";
import { scheme } from "./text";

/** The sessions that have tabs here, known or not. */
export function sessionsOfTabs(): Set<string> {
  return new Set(guestTabs().map(({ uri }) => uri.authority));
}

/** How tabs are closed. */
export interface Closing {
  /** Which ones stay. */
  stays(uri: vscode.Uri): boolean;
  /** Which ones VS Code may take for unsaved: of one that it has just restored not even the tab knows. */
  mayBeUnsaved(tab: vscode.Tab): boolean;
  /** Tells VS Code that there is nothing to save. */
  settle(uri: vscode.Uri, group: vscode.ViewColumn): Promise<void>;
}

/** Closes the tabs of a session that is over. Their text is not this person's: nobody is asked to save it. */
export async function closeTabs(session: string, { stays, mayBeUnsaved, settle }: Closing): Promise<number> {
  const ended = guestTabs().filter(({ uri }) => uri.authority === session);
  const going = ended.filter(({ uri }) => !stays(uri));
  const unsaved = going.filter(({ tab }) => mayBeUnsaved(tab));
  const saved = going.filter((one) => !unsaved.includes(one));
  await vscode.window.tabGroups.close(saved.map(({ tab }) => tab));
  for (const { tab, uri } of unsaved) {
    // Where a text can't be shown, there was none that was kept.
    await settle(uri, tab.group.viewColumn).catch(() => {});
    const left = guestTabs().filter((one) => one.uri.toString() === uri.toString());
    await vscode.window.tabGroups.close(left.map((one) => one.tab));
  }
  return ended.length - going.length;
}

function guestTabs(): { tab: vscode.Tab; uri: vscode.Uri }[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .flatMap((tab) => (tab.input instanceof vscode.TabInputText ? [{ tab, uri: tab.input.uri }] : []))
    .filter(({ uri }) => uri.scheme === scheme);
}
