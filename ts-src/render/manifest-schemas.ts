import catalog from '../../resources/schemas/catalog.xml';
import common from '../../resources/schemas/package_common.xsd';
import format1 from '../../resources/schemas/package_format1.xsd';
import format2 from '../../resources/schemas/package_format2.xsd';
import format3 from '../../resources/schemas/package_format3.xsd';

/** Schemas of package.xml with an XML catalog, by file name, for lint tests without network. */
export const manifestSchemas: Readonly<Record<string, string>> = {
  'catalog.xml': catalog,
  'package_common.xsd': common,
  'package_format1.xsd': format1,
  'package_format2.xsd': format2,
  'package_format3.xsd': format3,
};
