"use strict";
// The page has one inline script. Its parts share this scope and run in this order.
(() => {
const LEVELS = {{ levels }};

{% include "format.js" %}

{% include "records.js" %}

{% include "text.js" %}

{% include "list.js" %}

{% include "shared/pairs.js" %}

{% include "filters.js" %}

{% include "tooltip.js" %}

{% include "links.js" %}

{% include "theme.js" %}

showTheme();
fillFilters();
update();
followHash();
})();
