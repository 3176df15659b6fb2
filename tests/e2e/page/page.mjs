// The page in Chromium on a real daemon: what its user sees and does.
//   CAIRN=build/release/bin/cairn node --test tests/e2e/page/page.mjs
// Each of these files can be run alone. With SCREENSHOTS=DIRECTORY the page's views are left there.
import "./page_terminal.mjs";
import "./page_connection.mjs";
import "./page_state.mjs";
import "./page_postgres.mjs";
import "./page_errors.mjs";
import "./page_access.mjs";
import "./page_figures.mjs";
