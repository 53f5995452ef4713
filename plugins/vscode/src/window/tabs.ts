import * as vscode from "vscode";
import { scheme } from "./text";

/**
 * Closes the tabs of a session that is over, but those whose URI `stays` keeps. Their text is not this person's: nobody
 * is asked to save it.
 */
export async function closeTabs(session: string, stays: (uri: vscode.Uri) => boolean): Promise<number> {
  let kept = 0;
  for (const tab of vscode.window.tabGroups.all.flatMap((group) => group.tabs)) {
    const { input } = tab;
    if (!(input instanceof vscode.TabInputText) || input.uri.scheme !== scheme || input.uri.authority !== session)
      continue;
    if (stays(input.uri)) kept++;
    else if (tab.isDirty) await revertAndClose(tab, input.uri);
    else await vscode.window.tabGroups.close(tab);
  }
  return kept;
}

/** Closing a tab with changes asks whether to save; only the active one can be closed without. */
async function revertAndClose(tab: vscode.Tab, uri: vscode.Uri): Promise<void> {
  await vscode.window.showTextDocument(uri, { viewColumn: tab.group.viewColumn, preview: false });
  await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
}
