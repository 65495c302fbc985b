/** Everything that happens to pages with flags, in one Chromium, against one running Pennon. */

import "./life.js";
import "./first-paint.js";
import "./tabs.js";
import "./flips.js";
import "./counts.js";
import "./local.js";
import "./hostile.js";
import "./bad-input.js";
import "./checkout.js";
import "./first-page.js";
import "./ofrep.js";
import "./vitals.js";
