"use strict";
// The page has one inline script. Its parts share this scope and run in this order.
(() => {
const LEVELS = {{ levels }};

{% include "shared/format.js" %}

{% include "records.js" %}

{% include "shared/words.js" %}

{% include "text.js" %}

{% include "list.js" %}

{% include "shared/pairs.js" %}

{% include "filters.js" %}

{% include "shared/tooltip.js" %}

{% include "links.js" %}

{% include "shared/theme.js" %}

followTokens(list);
showTheme();
fillFilters();
update();
followHash();
})();
