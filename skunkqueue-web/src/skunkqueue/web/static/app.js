// The monitor's scripts. Every page works without them, less lively.
import "./charts.js";
import "./copy.js";
import "./ends.js";
import "./keys.js";
import "./live.js";
import "./once.js";
import "./select.js";
import "./times.js";
