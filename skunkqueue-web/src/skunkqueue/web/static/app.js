// The monitor's scripts. Every page works without them, less lively.
import "./live.js";
