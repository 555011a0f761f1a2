package croissant

import (
	"slices"

	"satgraph/datasets/export"
)

// object is a JSON-LD node.
type object map[string]any

// vocabulary is the @context of Croissant 1.1.
var vocabulary = object{
	"@language": "en", "@vocab": "https://schema.org/",
	"sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
	"dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
	"citeAs": "cr:citeAs", "column": "cr:column", "equivalentProperty": "cr:equivalentProperty", "extract": "cr:extract",
	"field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
	"format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
	"key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
	"references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
	"samplingRate": "cr:samplingRate", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
	"transform": "cr:transform",
	"data":      object{"@id": "cr:data", "@type": "@json"},
	"examples":  object{"@id": "cr:examples", "@type": "@json"},
	"dataType":  object{"@id": "cr:dataType", "@type": "@vocab"},
}

func ref(id string) object { return object{"@id": id} }

// describe makes croissant.json.
func (f *Format) describe(to *export.Folder) (object, error) {
	doc := object{
		"@context": vocabulary, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1",
		"name": f.o.Name, "description": f.o.Description, "license": f.licences(),
	}
	for key, v := range map[string]string{"url": f.url(), "version": f.o.Version, "datePublished": f.o.Date, "citeAs": f.o.CiteAs} {
		if v != "" {
			doc[key] = v
		}
	}
	files := []object{}
	for _, name := range []string{scansFile, annotationsFile} {
		file, err := to.Hash(name)
		if err != nil {
			return nil, err
		}
		files = append(files, object{
			"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "encodingFormat": "text/csv", "sha256": file.SHA256,
		})
	}
	for _, set := range [][2]string{{"images", "scans/*/*/image.nii.gz"}, {"masks", "scans/*/*/masks/*.nii.gz"}} {
		files = append(files, object{"@type": "cr:FileSet", "@id": set[0], "name": set[0], "encodingFormat": "application/gzip", "includes": set[1]})
	}
	doc["distribution"] = files
	doc["recordSet"] = []object{
		f.splits(), f.classList(),
		recordSet("scans", "A row for each scan.", scansFile, scanColumns, []string{"scan"}, map[string]string{"split": "splits/name"}),
		recordSet("annotations", "A row for each structure that was looked for in a scan; without a mask where it is not seen.",
			// mlcroissant joins one record set at a time, so the scan is not referred to.
			annotationsFile, annotationColumns, []string{"scan", "class"}, map[string]string{"class": "classes/name"}),
	}
	return doc, nil
}

func (f *Format) licences() []string {
	var out []string
	for _, s := range f.plan.Samples {
		name := s.Licence
		if name == "" {
			name = "unknown"
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// url is what was asked for, or the homepage that all scans share.
func (f *Format) url() string {
	if f.o.URL != "" {
		return f.o.URL
	}
	for _, s := range f.plan.Samples {
		if s.Homepage != f.plan.Samples[0].Homepage {
			return ""
		}
	}
	return f.plan.Samples[0].Homepage
}

func recordSet(id, about, file string, columns []column, key []string, references map[string]string) object {
	fields, keys := []object{}, []object{}
	for _, c := range columns {
		field := object{
			"@type": "cr:Field", "@id": id + "/" + c.name, "name": c.name, "dataType": c.kind,
			"source": object{"fileObject": ref(file), "extract": object{"column": c.name}},
		}
		if to := references[c.name]; to != "" {
			field["references"] = object{"field": ref(to)}
		}
		fields = append(fields, field)
	}
	for _, k := range key {
		keys = append(keys, ref(id+"/"+k))
	}
	return object{"@type": "cr:RecordSet", "@id": id, "name": id, "description": about, "key": keys, "field": fields}
}

// splits is Croissant's list of the splits, with its words for them.
func (f *Format) splits() object {
	urls := map[string]string{export.Train: "cr:TrainingSplit", export.Validation: "cr:ValidationSplit", export.Test: "cr:TestSplit"}
	data := []object{}
	for _, name := range []string{export.Train, export.Validation, export.Test, "unassigned"} {
		if slices.ContainsFunc(f.plan.Samples, func(s *export.Sample) bool { return splitName(s) == name }) {
			data = append(data, object{"splits/name": name, "splits/url": urls[name]})
		}
	}
	return object{
		"@type": "cr:RecordSet", "@id": "splits", "name": "splits", "dataType": "cr:Split", "key": ref("splits/name"),
		"field": []object{
			{"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
			{"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL"},
		},
		"data": data,
	}
}

func (f *Format) classList() object {
	data := []object{}
	for _, name := range f.plan.Classes {
		data = append(data, object{"classes/name": name, "classes/file": f.classes.Safe(name) + ".nii.gz"})
	}
	return object{
		"@type": "cr:RecordSet", "@id": "classes", "name": "classes", "description": "The structures, and the name of their masks' files.",
		"dataType": "sc:Enumeration", "key": ref("classes/name"),
		"field": []object{
			{"@type": "cr:Field", "@id": "classes/name", "name": "name", "dataType": "sc:Text"},
			{"@type": "cr:Field", "@id": "classes/file", "name": "file", "dataType": "sc:Text"},
		},
		"data": data,
	}
}
