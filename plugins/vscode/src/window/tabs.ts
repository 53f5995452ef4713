import * as vscode from "vscode";
import { scheme } from "./text";

/** The sessions that have tabs here, known or not. */
export function sessionsOfTabs(): Set<string> {
  return new Set(guestTabs().map(({ uri }) => uri.authority));
}

/**
 * Closes the tabs of a session that is over, but those whose URI `stays` keeps. Their text is not this person's: nobody
 * is asked to save it.
 */
export async function closeTabs(session: string, stays: (uri: vscode.Uri) => boolean): Promise<number> {
  let kept = 0;
  for (const { tab, uri } of guestTabs()) {
    if (uri.authority !== session) continue;
    if (stays(uri)) kept++;
    else if (tab.isDirty) await revertAndClose(tab, uri);
    else await vscode.window.tabGroups.close(tab);
  }
  return kept;
}

function guestTabs(): { tab: vscode.Tab; uri: vscode.Uri }[] {
  return vscode.window.tabGroups.all
    .flatMap((group) => group.tabs)
    .flatMap((tab) => (tab.input instanceof vscode.TabInputText ? [{ tab, uri: tab.input.uri }] : []))
    .filter(({ uri }) => uri.scheme === scheme);
}

/** Closing a tab with changes asks whether to save; only the active one can be closed without. */
async function revertAndClose(tab: vscode.Tab, uri: vscode.Uri): Promise<void> {
  await vscode.window.showTextDocument(uri, { viewColumn: tab.group.viewColumn, preview: false });
  await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
}
