/* Colour maps: one SVG filter a map, 256 entries a channel, exact and instant on any element, on file:// too.
 *
 *   gray picture --> feComponentTransfer --> coloured picture
 *
 * An entry is (v + 0.5) / 255: renderers cut the product off, and without the half every other entry is one too dark.
 * viridis, magma, inferno (CC0, matplotlib) and turbo (Apache-2.0, Google) are tables; jet and gray are formulas; the
 * diverging map runs between anchors, with white at zero in the light and near-black at zero in the dark. */
(() => {
  const HEX = {
    viridis:
      '44015444025645045745055946075a46085c460a5d460b5e470d60470e6147106347116447136548146748166848176948186a481a6c' +
      '481b6d481c6e481d6f481f70482071482173482374482475482576482677482878482979472a7a472c7a472d7b472e7c472f7d46307e' +
      '46327e46337f463480453581453781453882443983443a83443b84433d84433e85423f85424086424186414287414487404588404688' +
      '3f47883f48893e49893e4a893e4c8a3d4d8a3d4e8a3c4f8a3c508b3b518b3b528b3a538b3a548c39558c39568c38588c38598c375a8c' +
      '375b8d365c8d365d8d355e8d355f8d34608d34618d33628d33638d32648e32658e31668e31678e31688e30698e306a8e2f6b8e2f6c8e' +
      '2e6d8e2e6e8e2e6f8e2d708e2d718e2c718e2c728e2c738e2b748e2b758e2a768e2a778e2a788e29798e297a8e297b8e287c8e287d8e' +
      '277e8e277f8e27808e26818e26828e26828e25838e25848e25858e24868e24878e23888e23898e238a8d228b8d228c8d228d8d218e8d' +
      '218f8d21908d21918c20928c20928c20938c1f948c1f958b1f968b1f978b1f988b1f998a1f9a8a1e9b8a1e9c891e9d891f9e891f9f88' +
      '1fa0881fa1881fa1871fa28720a38620a48621a58521a68522a78522a88423a98324aa8325ab8225ac8226ad8127ad8128ae8029af7f' +
      '2ab07f2cb17e2db27d2eb37c2fb47c31b57b32b67a34b67935b77937b87838b9773aba763bbb753dbc743fbc7340bd7242be7144bf70' +
      '46c06f48c16e4ac16d4cc26c4ec36b50c46a52c56954c56856c66758c7655ac8645cc8635ec96260ca6063cb5f65cb5e67cc5c69cd5b' +
      '6ccd5a6ece5870cf5773d05675d05477d1537ad1517cd2507fd34e81d34d84d44b86d54989d5488bd6468ed64590d74393d74195d840' +
      '98d83e9bd93c9dd93ba0da39a2da37a5db36a8db34aadc32addc30b0dd2fb2dd2db5de2bb8de29bade28bddf26c0df25c2df23c5e021' +
      'c8e020cae11fcde11dd0e11cd2e21bd5e21ad8e219dae319dde318dfe318e2e418e5e419e7e419eae51aece51befe51cf1e51df4e61e' +
      'f6e620f8e621fbe723fde725',
    magma:
      '00000401000501010601010802010902020b02020d03030f03031204041405041606051806051a07061c08071e0907200a08220b0924' +
      '0c09260d0a290e0b2b100b2d110c2f120d31130d34140e36150e38160f3b180f3d19103f1a10421c10441d11471e114920114b21114e' +
      '22115024125325125527125829115a2a115c2c115f2d11612f116331116533106734106936106b38106c390f6e3b0f703d0f713f0f72' +
      '400f74420f75440f764510774710784910784a10794c117a4e117b4f127b51127c52137c54137d56147d57157e59157e5a167e5c167f' +
      '5d177f5f187f601880621980641a80651a80671b80681c816a1c816b1d816d1d816e1e81701f81721f81732081752181762181782281' +
      '7922827b23827c23827e24828025828125818326818426818627818827818928818b29818c29818e2a81902a81912b81932b80942c80' +
      '962c80982d80992d809b2e7f9c2e7f9e2f7fa02f7fa1307ea3307ea5317ea6317da8327daa337dab337cad347cae347bb0357bb2357b' +
      'b3367ab5367ab73779b83779ba3878bc3978bd3977bf3a77c03a76c23b75c43c75c53c74c73d73c83e73ca3e72cc3f71cd4071cf4070' +
      'd0416fd2426fd3436ed5446dd6456cd8456cd9466bdb476adc4869de4968df4a68e04c67e24d66e34e65e44f64e55064e75263e85362' +
      'e95462ea5661eb5760ec5860ed5a5fee5b5eef5d5ef05f5ef1605df2625df2645cf3655cf4675cf4695cf56b5cf66c5cf66e5cf7705c' +
      'f7725cf8745cf8765cf9785df9795df97b5dfa7d5efa7f5efa815ffb835ffb8560fb8761fc8961fc8a62fc8c63fc8e64fc9065fd9266' +
      'fd9467fd9668fd9869fd9a6afd9b6bfe9d6cfe9f6dfea16efea36ffea571fea772fea973feaa74feac76feae77feb078feb27afeb47b' +
      'feb67cfeb77efeb97ffebb81febd82febf84fec185fec287fec488fec68afec88cfeca8dfecc8ffecd90fecf92fed194fed395fed597' +
      'fed799fed89afdda9cfddc9efddea0fde0a1fde2a3fde3a5fde5a7fde7a9fde9aafdebacfcecaefceeb0fcf0b2fcf2b4fcf4b6fcf6b8' +
      'fcf7b9fcf9bbfcfbbdfcfdbf',
    inferno:
      '00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a07220b07240c0826' +
      '0d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48210c4a230c4c240c4f260c51' +
      '280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b09643d09653e0966400a67420a68440a68450a69' +
      '470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d57106e59106e5a116e5c126e5d126e5f136e61136e62146e' +
      '64156e65156e67166e69166e6a176e6c186e6d186e6f196e71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c' +
      '801f6c82206c84206b85216b87216b88226a8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b2964' +
      '9d29649f2a63a02a63a22b62a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557' +
      'b93556ba3655bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545' +
      'd24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933e45a31e55c30' +
      'e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711ff1731df2741cf3761bf37819' +
      'f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0af98e09fa9008fa9207fa9407fb9606fb9706' +
      'fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0ffcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1f' +
      'fbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4f' +
      'f4df53f4e156f3e35af3e55df2e661f2e865f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96' +
      'f8fb9af9fc9dfafda1fcffa4',
    turbo:
      '30123b32154333184a341b51351e5836215f37246638276d392a733a2d793b2f803c32863d358b3e38913f3b973f3e9c4040a24143a7' +
      '4146ac4249b1424bb5434eba4451bf4454c34456c74559cb455ccf455ed34661d64664da4666dd4669e0466be3476ee64771e94773eb' +
      '4776ee4778f0477bf2467df44680f64682f84685fa4687fb458afc458cfd448ffe4391fe4294ff4196ff4099ff3e9bfe3d9efe3ba0fd' +
      '3aa3fc38a5fb37a8fa35abf833adf731aff52fb2f42eb4f22cb7f02ab9ee28bceb27bee925c0e723c3e422c5e220c7df1fc9dd1ecbda' +
      '1ccdd81bd0d51ad2d21ad4d019d5cd18d7ca18d9c818dbc518ddc218dec018e0bd19e2bb19e3b91ae4b61ce6b41de7b21fe9af20eaac' +
      '22ebaa25eca727eea42aefa12cf09e2ff19b32f29835f39438f4913cf58e3ff68a43f78746f8844af8804ef97d52fa7a55fa7659fb73' +
      '5dfc6f61fc6c65fd6969fd666dfe6271fe5f75fe5c79fe597dff5680ff5384ff5188ff4e8bff4b8fff4992ff4796fe4499fe429cfe40' +
      '9ffd3fa1fd3da4fc3ca7fc3aa9fb39acfb38affa37b1f936b4f836b7f735b9f635bcf534bef434c1f334c3f134c6f034c8ef34cbed34' +
      'cdec34d0ea34d2e935d4e735d7e535d9e436dbe236dde037dfdf37e1dd37e3db38e5d938e7d739e9d539ebd339ecd13aeecf3aefcd3a' +
      'f1cb3af2c93af4c73af5c53af6c33af7c13af8be39f9bc39faba39fbb838fbb637fcb336fcb136fdae35fdac34fea933fea732fea431' +
      'fea130fe9e2ffe9b2dfe992cfe962bfe932afe9029fd8d27fd8a26fc8725fc8423fb8122fb7e21fa7b1ff9781ef9751df8721cf76f1a' +
      'f66c19f56918f46617f36315f26014f15d13f05b12ef5811ed5510ec530feb500eea4e0de84b0ce7490ce5470be4450ae2430ae14109' +
      'df3f08dd3d08dc3b07da3907d83706d63506d43305d23105d02f05ce2d04cc2b04ca2a04c82803c52603c32503c12302be2102bc2002' +
      'b91e02b71d02b41b01b21a01af1801ac1701a91601a71401a41301a112019e10019b0f01980e01950d01920b018e0a018b0902880802' +
      '8507028106027e05027a0403',
  };
  const LIGHT = [[0, 5, 48, 97], [36, 33, 102, 172], [76, 103, 169, 207], [108, 209, 229, 240], [128, 255, 255, 255],
    [148, 253, 219, 199], [180, 239, 138, 98], [220, 178, 24, 43], [255, 103, 0, 31]];
  const DARK = [[0, 190, 225, 255], [36, 110, 182, 246], [76, 50, 112, 190], [108, 24, 46, 84], [128, 15, 18, 23],
    [148, 78, 28, 26], [180, 180, 62, 40], [220, 246, 134, 84], [255, 255, 216, 180]];

  const table = {
    gray: Array.from({length: 256}, (_, g) => [g, g, g]),
    jet: Array.from({length: 256}, (_, g) => [3, 2, 1].map((k) => Math.round(255 * Math.min(1, Math.max(0, 1.5 - Math.abs(4 * g / 255 - k)))))),
  };
  for (const [name, hex] of Object.entries(HEX)) {
    table[name] = Array.from({length: 256}, (_, g) => [0, 2, 4].map((k) => parseInt(hex.substr(g * 6 + k, 2), 16)));
  }
  const between = (anchors) => Array.from({length: 256}, (_, g) => {
    const k = Math.max(1, anchors.findIndex((a) => a[0] >= g));
    const [from, to] = [anchors[k - 1], anchors[k]];
    const part = (g - from[0]) / (to[0] - from[0]);
    return [1, 2, 3].map((c) => Math.round(from[c] + (to[c] - from[c]) * part));
  });

  const SVG = 'http://www.w3.org/2000/svg';
  const sheet = document.createElementNS(SVG, 'svg');
  sheet.setAttribute('class', 'ca-filters');
  sheet.setAttribute('aria-hidden', 'true');
  sheet.setAttribute('focusable', 'false');
  document.body.appendChild(sheet);

  const write = (name, rows) => {
    let filter = document.getElementById(`ca-cm-${name}`);
    if (!filter) {
      filter = document.createElementNS(SVG, 'filter');
      filter.id = `ca-cm-${name}`;
      for (const [key, value] of [['color-interpolation-filters', 'sRGB'], ['x', '0'], ['y', '0'], ['width', '1'], ['height', '1']]) filter.setAttribute(key, value);
      const transfer = document.createElementNS(SVG, 'feComponentTransfer');
      for (const channel of 'RGB') transfer.appendChild(document.createElementNS(SVG, `feFunc${channel}`)).setAttribute('type', 'table');
      filter.appendChild(transfer);
      sheet.appendChild(filter);
    }
    [...filter.firstChild.children].forEach((f, c) => f.setAttribute('tableValues', rows.map((r) => ((r[c] + 0.5) / 255).toFixed(5)).join(' ')));
    const stops = Array.from({length: 33}, (_, k) => `rgb(${rows[Math.round(k * 255 / 32)].join(' ')})`);
    document.documentElement.style.setProperty(`--ca-ramp-${name}`, `linear-gradient(90deg, ${stops.join(', ')})`);
  };
  for (const [name, rows] of Object.entries(table)) write(name, rows);

  const scheme = () => {
    table.diverging = between(document.body.getAttribute('data-md-color-scheme') === 'slate' ? DARK : LIGHT);
    write('diverging', table.diverging);
  };
  scheme();
  new MutationObserver(scheme).observe(document.body, {attributes: true, attributeFilter: ['data-md-color-scheme']});

  /* Signed data is diverging unless gray was asked for; other data is never diverging. */
  const name = (chosen, signed) => (signed && chosen !== 'gray' ? 'diverging' : chosen === 'diverging' ? 'viridis' : chosen);
  convatlas.colours = {
    names: ['viridis', 'magma', 'gray', 'inferno', 'turbo', 'jet'],
    table,
    name,
    /** The CSS filter for gray pictures; signed ones are diverging, unless gray was asked for. */
    filter: (chosen, signed) => `url(#ca-cm-${name(chosen, signed)})`,
    /** The CSS background of a colour bar. */
    ramp: (chosen, signed) => `var(--ca-ramp-${name(chosen, signed)})`,
  };
})();
