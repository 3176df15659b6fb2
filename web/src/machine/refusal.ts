// What a server says that does not do what it was asked for: Cairn a sentence, a proxy a page.

const SENTENCE_MAX = 500;

export async function refusalOf(response: Response): Promise<string> {
  const type = response.headers.get("content-type") ?? "";
  const text = type.startsWith("text/plain") ? (await response.text().catch(() => "")).trim() : "";
  if (text) return text.slice(0, SENTENCE_MAX);
  return `The server says ${String(response.status)} ${response.statusText}`.trim() + ".";
}
